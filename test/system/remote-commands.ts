import { fileURLToPath } from 'node:url';
import type { Output, Program, ProgramOptions } from '../processes.ts';

const main = fileURLToPath(new URL('command-main.js', import.meta.url));

/** Headgate commands on another host, in one process that stays: a process for each would cost more than the command. */
export class RemoteCommands {
  readonly #program: Program;
  #next = 1;

  private constructor(program: Program) {
    this.#program = program;
  }

  static async start(
    start: (argv: readonly string[], options: ProgramOptions) => Promise<Program>,
    env: Readonly<Record<string, string>>,
  ): Promise<RemoteCommands> {
    return new RemoteCommands(await start([process.execPath, main], { env }));
  }

  /** One after the other, in the order of the calls. */
  async run(args: readonly string[]): Promise<Output> {
    const id = this.#next++;
    const from = this.#program.nextLine;
    this.#program.write(JSON.stringify({ id, args }));
    const { text } = await this.#program.line(new RegExp(`^\\{"id":${id},`), { from, timeoutMs: 90_000 });
    return JSON.parse(text) as Output;
  }
}
