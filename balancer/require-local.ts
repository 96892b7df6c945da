import { createServer } from 'node:net';
import { errnoCode, HeadgateError } from '../lib/errors/index.ts';

/** Rejects with HEADGATE_BALANCER_SOURCE_NOT_LOCAL, naming the first, unless all are addresses of this machine. */
export async function requireLocal(addresses: readonly string[], balancer: string): Promise<void> {
  for (const address of addresses) {
    if (await isLocal(address)) continue;
    throw new HeadgateError(
      'HEADGATE_BALANCER_SOURCE_NOT_LOCAL',
      `balancers.${balancer}.sources: ${address} is not an address of this machine`,
      { facts: { address } },
    );
  }
}

/** Asks the kernel by binding: a list of interfaces knows nothing of the rest of 127.0.0.0/8, for one. */
function isLocal(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // Any other obstacle says nothing of the address.
    server.once('error', (error) => resolve(errnoCode(error) !== 'EADDRNOTAVAIL'));
    server.listen({ host, port: 0, exclusive: true, ipv6Only: true }, () =>
      server.close(() => resolve(true)),
    );
  });
}
