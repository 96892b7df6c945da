import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Teardown } from './processes.ts';

/** Addresses of one test, on which every port is free: programs that need to know their port beforehand may take any. */
export interface LoopbackBlock {
  /** The address that ends in `last` (1 to 250). */
  address(last: number): string;
}

/** Blocks there are: 127.70.0.0/24 to 127.70.249.0/24. */
const blocks = 250;
/** Who listens on this port of a block's last address holds the block; the kernel frees it with the process. */
const holderPort = 65_000;

/** Takes a block that no other test holds, in any process; free again in the teardown of `t` (Linux). */
export async function takeLoopbackBlock(t: Teardown): Promise<LoopbackBlock> {
  const first = process.pid % blocks;
  for (let step = 0; step < blocks; step++) {
    const prefix = `127.70.${(first + step) % blocks}`;
    const release = await hold(`${prefix}.254`);
    if (release === undefined) continue;
    t.teardown(release);
    return { address: (last) => `${prefix}.${last}` };
  }
  throw new Error('no loopback block is free: too many tests at once');
}

async function hold(host: string): Promise<(() => Promise<void>) | undefined> {
  const server = createServer((socket) => socket.destroy());
  try {
    await once(server.listen(holderPort, host), 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
  return async () => {
    await once(server.close(), 'close');
  };
}
