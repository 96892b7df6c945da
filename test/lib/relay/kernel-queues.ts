import { readFileSync } from 'node:fs';
import type { Endpoint } from '../../../lib/address/index.ts';
import type { Peer } from './peer.ts';

/** Bytes of the IPv4 connection local → remote that wait in the kernel of this machine (proc_net_tcp(5)). */
export interface KernelQueues {
  /** Written by its owner, not yet acknowledged by the other end. */
  readonly unsent: number;
  /** Received, not yet read by its owner. */
  readonly unread: number;
}

/** Throws when there is no such connection. */
export function kernelQueues(local: Endpoint, remote: Endpoint): KernelQueues {
  const [unsent = '', unread = ''] = columns(local, remote)[4]!.split(':');
  return { unsent: parseInt(unsent, 16), unread: parseInt(unread, 16) };
}

/** Whether the IPv4 connection local → remote, which is idle, waits to be probed. Throws when there is none. */
export function waitsForKeepalive(local: Endpoint, remote: Endpoint): boolean {
  // tr 2: no retransmission is due; another timer runs, and an idle connection has no other.
  return columns(local, remote)[5]!.startsWith('02:');
}

/** How many sockets of this machine listen at the IPv4 endpoint. */
export function listenersAt(endpoint: Endpoint): number {
  const wanted = `${hex(endpoint)} 00000000:0000 0A`;
  return readFileSync('/proc/net/tcp', 'latin1').split(wanted).length - 1;
}

function columns(local: Endpoint, remote: Endpoint): readonly string[] {
  const wanted = `${hex(local)} ${hex(remote)}`;
  // The file is read in pieces, between which a line may slip from one to the other.
  for (let attempt = 0; attempt < 20; attempt++) {
    for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
      const found = line.trim().split(/\s+/);
      if (found.length > 5 && `${found[1]} ${found[2]}` === wanted) return found;
    }
  }
  throw new Error(`no connection ${wanted} in /proc/net/tcp`);
}

/** Bytes on their way to a peer: with the kernel of the sender, with that of the peer, or read by it. */
export function bytesWithKernelOrRead(peer: Peer): number {
  const { localAddress, localPort, remoteAddress, remotePort } = peer.socket;
  const here = { host: localAddress!, port: localPort! };
  const there = { host: remoteAddress!, port: remotePort! };
  return kernelQueues(there, here).unsent + kernelQueues(here, there).unread + peer.socket.bytesRead;
}

/** The form of /proc/net/tcp: the address as one little-endian word, the port as it is. */
function hex({ host, port }: Endpoint): string {
  const bytes = host.split('.').map(Number).toReversed();
  return `${Buffer.from(bytes).toString('hex')}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
}
