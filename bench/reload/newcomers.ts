/** Clients that come at a steady rate, learn the name of their server, and leave. */
import net from 'node:net';
import type { Endpoint } from '../../lib/address/index.ts';

const stepMs = 2;
const patienceMs = 5_000;
/** Clients at once: more are not let in, so that descriptors last when servers do not keep up. */
const mostOpen = 6_000;

export interface Newcomer {
  readonly begunMs: number;
  readonly doneMs: number;
  /** What the server said; undefined: refused, reset, or ended or silent without a word. */
  readonly server: string | undefined;
  /** Why it learned no server. */
  readonly failure: string | undefined;
}

export class Newcomers {
  readonly #to: Endpoint;
  readonly #perSecond: number;
  readonly #done: (newcomer: Newcomer) => void;
  readonly #open = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #beganMs = 0;
  #begun = 0;
  #withheld = 0;

  /** `done` hears of each when it has left. */
  constructor(to: Endpoint, perSecond: number, done: (newcomer: Newcomer) => void) {
    this.#to = to;
    this.#perSecond = perSecond;
    this.#done = done;
  }

  /** Clients that came, until now. */
  get begun(): number {
    return this.#begun;
  }

  /** Clients that were due while too many others still waited for their server. */
  get withheld(): number {
    return this.#withheld;
  }

  begin(): void {
    this.#beganMs = performance.now();
    this.#timer = setInterval(() => this.#come(), stepMs);
  }

  /** No more come; resolves when all have left. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
  }

  #come(): void {
    const due = ((performance.now() - this.#beganMs) / 1_000) * this.#perSecond;
    while (this.#begun + this.#withheld < due) {
      if (this.#open.size >= mostOpen) this.#withheld++;
      else {
        this.#begun++;
        this.#one();
      }
    }
  }

  #one(): void {
    const coming = comeOnce(this.#to).then((newcomer) => {
      this.#open.delete(coming);
      this.#done(newcomer);
    });
    this.#open.add(coming);
  }
}

/** One client comes, and leaves as soon as it knows its server; never rejects. */
export function comeOnce(to: Endpoint): Promise<Newcomer> {
  const begunMs = performance.now();
  return new Promise((resolve) => {
    const socket = net.connect(to);
    let server: string | undefined;
    let failure: string | undefined;
    const fail = (why: string): void => {
      failure ??= why;
      socket.destroy();
    };
    const timer = setTimeout(() => fail('silence'), patienceMs);
    socket.once('data', (data: Buffer) => {
      server = data.toString();
      socket.destroy();
    });
    socket.once('end', () => fail('ended'));
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.once('close', () => {
      clearTimeout(timer);
      resolve({
        begunMs,
        doneMs: performance.now(),
        server,
        failure: server === undefined ? failure : undefined,
      });
    });
  });
}
