import { fileURLToPath } from 'node:url';
import type { SwarmCommand, SwarmFailure } from '../chat-load/swarm-commands.ts';
import type { SwarmReport } from '../chat-load/swarm.ts';
import type { Program, ProgramOptions } from '../processes.ts';

const swarmMain = fileURLToPath(new URL('../chat-load/swarm-main.js', import.meta.url));

/** A command without its id, keeping the union apart. */
type Order = SwarmCommand extends infer Each ? (Each extends unknown ? Omit<Each, 'id'> : never) : never;

/** A swarm of chatters that runs as a process of its own, wherever `start` puts it. */
export class RemoteSwarm {
  static #next = 1;
  readonly program: Program;
  readonly #name: string | undefined;

  private constructor(program: Program, name?: string) {
    this.program = program;
    this.#name = name;
  }

  /** Another swarm in the same process; the process ends when the last one is closed. */
  also(name: string): RemoteSwarm {
    return new RemoteSwarm(this.program, name);
  }

  static async start(
    start: (argv: readonly string[], options: ProgramOptions) => Promise<Program>,
  ): Promise<RemoteSwarm> {
    return new RemoteSwarm(await start([process.execPath, swarmMain], {}));
  }

  /** Resolves with what the swarm has seen when the order is carried out; rejects with its failure. */
  async order(order: Order, timeoutMs = 60_000): Promise<SwarmReport> {
    const id = RemoteSwarm.#next++;
    const from = this.program.nextLine;
    this.program.write(JSON.stringify({ id, swarm: this.#name, ...order }));
    const { text } = await this.program.line(new RegExp(`"id":${id},`), {
      from,
      timeoutMs: timeoutMs + 5_000,
    });
    const answer = JSON.parse(text) as (SwarmReport & { readonly ok: true }) | SwarmFailure;
    if (!answer.ok) throw new Error(`swarm: ${order.do}: ${answer.error}`);
    return answer;
  }
}
