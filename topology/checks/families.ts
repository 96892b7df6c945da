/** Addresses that could never meet. */
import { addressFamily } from '../../lib/address/index.ts';
import { mismatch, type Finding } from '../problem.ts';
import type { CheckedFile } from './index.ts';

/**
 * A director connects from its `host`, and a balancer takes connections from there only: the two need addresses of
 * one family. Foreign balancers may be reached by another way.
 */
export function familyMistakes({ file }: CheckedFile): readonly Finding[] {
  const directors = Object.entries(file.directors);
  return Object.entries(file.balancers).flatMap(([name, { host, heartbeat }]): Finding[] => {
    if (heartbeat.probe !== 'headgate') return [];
    const family = addressFamily(host);
    const foreign = directors.find(([, director]) => addressFamily(director.host) !== family);
    if (foreign === undefined) return [];
    const expected = `an IPv${addressFamily(foreign[1].host)} address, as director ${foreign[0]} has`;
    return [
      {
        code: 'HEADGATE_TOPOLOGY_INVALID_VALUE',
        path: ['balancers', name, 'host'],
        at: 'value',
        message: mismatch(expected, host),
      },
    ];
  });
}
