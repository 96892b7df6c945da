/**
 * Programs that tests start: their lines are captured, and they are ended by their pid in the test's teardown, with
 * every process they started.
 */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { killGroup, launch, type ProgramOptions } from './process-groups.ts';

export { isRunning, runningPrograms, type ProgramOptions } from './process-groups.ts';

/** The part of ava's `t` that helpers need. */
export interface Teardown {
  teardown(run: () => void | Promise<void>): void;
}

export interface Line {
  readonly from: 'stdout' | 'stderr';
  readonly text: string;
  /** Counts the lines of the program from 0. */
  readonly index: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Output extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Lines kept per program; older ones are dropped. */
const keptLines = 5_000;

/** Starts `argv` and ends it in the teardown of `t`. Rejects when it cannot be started. */
export async function startProgram(
  t: Teardown,
  argv: readonly string[],
  options: ProgramOptions = {},
): Promise<Program> {
  const program = new Program(argv, await launch(argv, options));
  t.teardown(() => program.end());
  return program;
}

/** A running program. */
export class Program {
  readonly argv: readonly string[];
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: Line[] = [];
  readonly #waiting = new Set<() => void>();
  #count = 0;
  #exit: Exit | undefined;
  #closed = false;

  constructor(argv: readonly string[], child: ChildProcessWithoutNullStreams & { readonly pid: number }) {
    this.argv = argv;
    this.pid = child.pid;
    this.#child = child;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve((this.#exit = { code, signal })));
    });
    for (const from of ['stdout', 'stderr'] as const) {
      createInterface({ input: child[from] }).on('line', (line) => this.#add(from, line));
    }
    child.once('close', () => {
      this.#closed = true;
      this.#wake();
    });
    // Writing to a program that has gone is told by its exit, not by EPIPE.
    child.stdin.on('error', () => {});
  }

  /** The last 5,000 lines of both outputs, in the order they arrived. */
  get lines(): readonly Line[] {
    return this.#lines;
  }

  /** How it ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /**
   * Waits for a line that matches, beginning with line `from` (default: all that are kept). Rejects, with the last
   * lines, at the deadline or when the program has ended without one.
   */
  async line(
    pattern: RegExp,
    { from = 0, timeoutMs = 20_000 }: { readonly from?: number; readonly timeoutMs?: number } = {},
  ): Promise<Line> {
    const matches = (line: Line): boolean => line.index >= from && line.text.search(pattern) !== -1;
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      this.#wake();
    }, timeoutMs);
    try {
      for (;;) {
        const found = this.#lines.find(matches);
        if (found !== undefined) return found;
        if (this.#closed) throw this.#failure(`ended (${this.#how()}) without a line ${pattern}`);
        if (expired) throw this.#failure(`no line ${pattern} within ${timeoutMs} ms`);
        await new Promise<void>((resolve) => void this.#waiting.add(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** What became of it, with its last lines; undefined while it runs. For the `hopeless` of `until`. */
  get ending(): string | undefined {
    return this.#closed ? this.#failure(`ended (${this.#how()})`).message : undefined;
  }

  /** Index that the next line will have: `from` for waiting on what comes after something the test does. */
  get nextLine(): number {
    return this.#count;
  }

  /** Writes to standard input; a line break is added. */
  write(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Signals the program alone, not what it started. Throws when it has already exited. */
  signal(signal: NodeJS.Signals): void {
    if (this.#exit !== undefined) throw this.#failure(`cannot get ${signal}: it has ended (${this.#how()})`);
    process.kill(this.pid, signal);
  }

  /** Kills the program and what it started, and waits until it is gone. Idempotent. */
  async end(): Promise<void> {
    killGroup(this.pid);
    await this.exited;
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  #add(from: Line['from'], line: string): void {
    this.#lines.push({ from, text: line, index: this.#count++ });
    if (this.#lines.length > keptLines) this.#lines.shift();
    this.#wake();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #how(): string {
    return this.#exit?.signal ?? `exit code ${this.#exit?.code}`;
  }

  #failure(what: string): Error {
    const last = this.#lines.slice(-20).map((line) => `  ${line.text}`);
    return new Error([`${this.argv.join(' ')}: ${what}; its last lines:`, ...last].join('\n'));
  }
}

export interface RunOptions extends ProgramOptions {
  /** Written to standard input, which is then closed. */
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** Runs `argv` to its end and collects what it writes. Any exit code resolves; past the time limit it is killed and this rejects. */
export async function runProgram(
  argv: readonly string[],
  { input = '', timeoutMs = 30_000, ...options }: RunOptions = {},
): Promise<Output> {
  const child = await launch(argv, options);
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    killGroup(child.pid);
  }, timeoutMs);
  const ended = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  // A program may end without having read its input; its exit tells more than EPIPE.
  child.stdin.on('error', () => {}).end(input);
  const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  clearTimeout(timer);
  if (expired) throw new Error(`${argv.join(' ')}: killed, not done after ${timeoutMs} ms; ${stderr.trim()}`);
  return { stdout, stderr, ...exit };
}

/** Runs `argv` and resolves with its standard output; rejects when the exit code is not 0. */
export async function outputOf(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, signal, stdout, stderr } = await runProgram(argv, options);
  if (code !== 0) {
    throw new Error(`${argv.join(' ')}: ${signal ?? `exit code ${code}`}: ${stderr.trim() || stdout.trim()}`);
  }
  return stdout;
}
