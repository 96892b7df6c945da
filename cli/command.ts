/** What a subcommand is. One file per subcommand; commands.ts lists them. */

/** Where a command reads and writes; tests pass their own. */
export interface CommandIo {
  /** One or more whole lines to standard output; a line break is added. */
  out(text: string): void;
  /** Same, to standard error. */
  err(text: string): void;
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** Aborted on Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

/** Exit codes of every command; docs/operating.md lists them. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

export interface Command {
  /** What `--help` prints: usage line, options, at least one example. */
  readonly help: string;
  /** `args` without the command's own name; resolves with the exit code. Throws HeadgateError for what failed. */
  run(args: readonly string[], io: CommandIo): Promise<number>;
}

export interface ListedCommand {
  /** As typed: `status`, `topology check`. */
  readonly name: string;
  /** One line for the list of commands, lower case, no full stop. */
  readonly summary: string;
  /** It changes something: begun, it goes to its end, also when its output cannot be written any more. */
  readonly finishes?: true;
  load(): Promise<Command>;
}
