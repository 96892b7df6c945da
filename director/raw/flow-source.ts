import { flowKeyLayout, FlowState } from '../forward/index.ts';
import type { FlowSource } from '../bereaved.ts';
import type { Flows } from './flows.ts';
import type { World } from './world.ts';

/** Flows looked at in one step. */
const sliceFlows = 4_096;

/** The raw plane's flows as Bereaved walks them; keys are their names. */
export function flowsInMemory(flows: Flows, world: () => World | undefined): FlowSource<string> {
  return {
    *walk(wanted) {
      for (const table of [flows.confirmed, flows.unconfirmed]) {
        let found: string[] = [];
        let looked = 0;
        // Flows that are used move to the end of their table: those that came after the start are not waited for.
        const most = table.size;
        for (const [key, { balancer: index, generation }] of table) {
          if (looked++ >= most) break;
          if (wanted({ index, generation })) found.push(key);
          if (looked % sliceFlows !== 0) continue;
          yield found;
          found = [];
        }
        yield found;
      }
    },
    read(key) {
      const entry = flows.find(key);
      if (entry === undefined) return undefined;
      // It has not begun, or has ended already.
      if (entry.state !== FlowState.Established && !flows.confirmed.has(key)) return undefined;
      const owner = { index: entry.balancer, generation: entry.generation };
      const { client, clientPort: port, service } = flowKeyLayout.read(Buffer.from(key, 'hex'));
      const vip = world()?.byIndex.get(service)?.vip;
      if (vip === undefined) return { owner, bereft: undefined };
      const address = vip.address.length === 4 ? client.slice(12) : client;
      return { owner, bereft: { vip, client: { address, port }, lastAck: entry.lastAck } };
    },
    remove: (key) => flows.remove(key),
  };
}
