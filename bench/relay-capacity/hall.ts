/**
 * Chat servers' ends of many connections: `node hall.js PORT SLOTS HOST…`, one ring and one listener per host. Greets whoever
 * comes, and keeps the connection. Sends `ready` to its parent, and what each host has accepted for each message it gets.
 */
import { listeningSocket } from '../../lib/linux/index.ts';
import {
  direct,
  DirectTable,
  IORING_CQE_F_MORE,
  Memory,
  prepareAcceptMultishotDirect,
  prepareSend,
  Ring,
  RingLoop,
} from '../../lib/linux/uring/index.ts';

export const greetingBytes = 8;
const accepted = 1;

class Hall {
  count = 0;
  readonly #ring = new Ring({ entries: 1_024 });
  readonly #memory = Memory.anonymous(greetingBytes);
  readonly #fd: number;

  constructor(host: string, port: number, slots: number) {
    new DirectTable(this.#ring, { slots });
    this.#memory.u8.fill(0x2e);
    this.#fd = listeningSocket({ endpoint: { host, port }, reusePort: false, backlog: 4_096 });
    const loop = new RingLoop({
      ring: this.#ring,
      handle: (low, _high, result, flags) => this.#handle(low, result, flags),
    });
    this.#accept();
    loop.flush();
  }

  #accept(): void {
    prepareAcceptMultishotDirect(this.#ring.sqe(accepted, 0), this.#fd);
  }

  #handle(low: number, result: number, flags: number): void {
    if (result < 0) throw new Error(`${low === accepted ? 'accept' : 'send'} failed: errno ${-result}`);
    if (low !== accepted) return;
    this.count++;
    prepareSend(this.#ring.sqe(2, 0), direct(result), this.#memory.address, greetingBytes).skipSuccess();
    if ((flags & IORING_CQE_F_MORE) === 0) this.#accept();
  }
}

if (process.send !== undefined && process.argv[1]?.endsWith('hall.js') === true) {
  const [, , port, slots, ...hosts] = process.argv;
  const halls = hosts.map((host) => new Hall(host, Number(port), Number(slots)));
  process.on('message', () => process.send!(halls.map(({ count }) => count)));
  process.on('disconnect', () => process.exit());
  process.send('ready');
}
