import test from 'ava';
import { flowKey, FlowState, keyText } from '../../../director/forward/index.ts';
import { flowsInMemory } from '../../../director/raw/flow-source.ts';
import { Flows } from '../../../director/raw/flows.ts';
import { ipBytes } from '../../../lib/packet/index.ts';
import { entry } from '../forward/world.ts';

test('clients of a dead balancer whose flows are confirmed or established are told, also where a forged SYN has opened one again', (t) => {
  const flows = new Flows({ confirmed: 10, unconfirmed: 10 }, () => undefined);
  const states = [FlowState.Opening, FlowState.Established, FlowState.Closing];
  const keyOf = (port: number) => keyText(flowKey(ipBytes('198.51.100.7'), port, 0));
  for (const state of states) {
    flows.apply([
      { table: 'confirmed', key: keyOf(state), entry: entry({ state }) },
      { table: 'unconfirmed', key: keyOf(10 + state), entry: entry({ state }) },
    ]);
  }
  const source = flowsInMemory(flows, () => undefined);
  const isTold = (port: number) => source.read(keyOf(port)) !== undefined;
  t.deepEqual(states.map(isTold), [true, true, true]);
  t.deepEqual(
    states.map((state) => isTold(10 + state)),
    [false, true, false],
  );
});
