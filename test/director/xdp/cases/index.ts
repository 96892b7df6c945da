import type { PacketCase } from './case.ts';
import { drCases } from './dr.ts';
import { icmpCases } from './icmp.ts';
import { natCases } from './nat.ts';
import { proxyCases } from './proxy.ts';
import { refusedCases } from './refused.ts';
import { strangeCases } from './strange.ts';
import { tunCases } from './tun.ts';

export type { PacketCase } from './case.ts';

/** Every case; titles are unique. */
export const packetCases: readonly PacketCase[] = [
  ...drCases,
  ...tunCases,
  ...natCases,
  ...proxyCases,
  ...refusedCases,
  ...strangeCases,
  ...icmpCases,
];
