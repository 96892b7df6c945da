import { FlowState, flowKeyLayout, flowLayout, Mode, tickShift } from '../forward/index.ts';
import type { DataPathMaps } from './data-path.ts';
import { decodeFlow } from './encode.ts';

/** What nobody has confirmed in this time after its last packet is no connection any more. */
const unconfirmedMs = 10_000;

/** Whether the kernel forwards packets of a connection of this service now, or of a handshake. A walk, ended by the first. */
export function carriesNow(
  maps: Pick<DataPathMaps, 'flows' | 'flows_new'>,
  service: number,
  tick: number,
): boolean {
  const recentTicks = Math.floor((unconfirmedMs * 1e6) / 2 ** tickShift);
  // In this order none is missed that is confirmed meanwhile.
  for (const [map, isConfirmed] of [
    [maps.flows_new, false],
    [maps.flows, true],
  ] as const) {
    for (const { count, keys, values } of map.batch.read()) {
      for (let index = 0; index < count; index++) {
        if (flowKeyLayout.get(keys, 'service', index * flowKeyLayout.size) !== service) continue;
        const { mode, state, lastSeen } = decodeFlow(values, index * flowLayout.size);
        if (mode === Mode.Proxy) continue;
        // Ticks wrap: a date just ahead is no silence.
        const isRecent = ((tick - lastSeen) | 0) <= recentTicks;
        if (isConfirmed || (state !== FlowState.Closing && isRecent)) return true;
      }
    }
  }
  return false;
}
