/** The raw plane as a kind of plane that a director may run. */
import type { PacketPlaneKind } from '../packet-planes.ts';
import { RawPlane } from './raw-plane.ts';
import { rawLack } from './why-not-raw.ts';

export const rawKind: PacketPlaneKind = {
  name: 'raw',
  modes: ['fullnat', 'tun'],
  takesVip: true,
  endsBy: 'restart the director',
  lack: (topology) => rawLack(topology),
  isPinned: () => false,
  open({ director, topology: { flows }, tier: { clock, log }, proxied }) {
    log.info(`packets are forwarded from user space by the plane raw, from ${director.host}`);
    return new RawPlane({
      hosts: [director.host],
      clock,
      random: Math.random,
      log,
      capacity: { confirmed: flows.capacity, unconfirmed: flows.unconfirmed },
      idleMs: flows.idleMs,
      onFull: flows.onFull,
      resetsPerSecond: flows.resetsPerSecond,
      proxied,
    });
  },
};
