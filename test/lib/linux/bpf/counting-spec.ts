import { asm, XdpAction, type CollectionSpec } from '../../../../lib/linux/bpf/index.ts';

const counters = { type: 'array', keySize: 4, valueSize: 8, maxEntries: 2, mmapable: true } as const;

function countAt(index: number, action: number): readonly asm.Code[] {
  return [asm.bumpCounter('packets', 'counters', index, -4), asm.leave(action)];
}

/** Two XDP programs: `count` counts every packet at index 0, `replacement` at index 1. */
export const countingSpec = {
  maps: { counters },
  programs: {
    count: { type: 'xdp', instructions: countAt(0, XdpAction.Drop) },
    replacement: { type: 'xdp', instructions: countAt(1, XdpAction.Drop) },
  },
} as const satisfies CollectionSpec;

/** The same for tc: goes on with the next program. */
export const tcSpec = {
  maps: { counters },
  programs: { count: { type: 'sched-cls', instructions: countAt(0, -1) } },
} as const satisfies CollectionSpec;
