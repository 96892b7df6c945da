import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Endpoint } from '../../lib/address/index.ts';

/** The server behind the relays, in a process of its own. */
export class Server {
  readonly endpoint: Endpoint;
  readonly #child: ChildProcess;

  private constructor(endpoint: Endpoint, child: ChildProcess) {
    this.endpoint = endpoint;
    this.#child = child;
  }

  /** Answers every `messageBytes` with as many; with 0 it only listens. */
  static async start(endpoint: Endpoint, connections: number, messageBytes: number): Promise<Server> {
    const args = [endpoint.host, `${endpoint.port}`, `${connections}`, `${messageBytes}`];
    const child = fork(new URL('server-process.js', import.meta.url), args);
    await once(child, 'message');
    return new Server(endpoint, child);
  }

  /** Sends `bytes` to everybody connected; resolves with how many they are, as soon as the requests are written. */
  push(bytes: number): Promise<number> {
    return this.#ask({ push: bytes });
  }

  /** Bytes that came in, ever. */
  heard(): Promise<number> {
    return this.#ask('heard');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #ask(question: 'heard' | { readonly push: number }): Promise<number> {
    this.#child.send(question);
    const [answer] = (await once(this.#child, 'message')) as [number];
    return answer;
  }
}
