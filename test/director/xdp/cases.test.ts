import test from 'ava';
import { ipBytes, macBytes } from '../../../lib/packet/index.ts';
import { flowKey, forward, keyText, type FlowEntry } from '../../../director/forward/index.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { applied, gatewayMac as nextHop, withFlows, world } from '../forward/world.ts';
import { packetCases, type PacketCase } from './cases/index.ts';
import { difference, withKernel } from './kernel.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function stateOf({ flows = [], refuseNew = false, gateway = false }: PacketCase) {
  const state = withFlows(world(), flows);
  const gatewayMac = macBytes(gateway ? nextHop : '00:00:00:00:00:00');
  return { ...state, config: { ...state.config, refuseNew, gatewayMac } };
}

const decides = test.macro((t, one: PacketCase) => {
  const state = stateOf(one);
  const outcome = forward(one.packet, state, 5n << 24n, one.segmentBytes);
  t.is(outcome.counter, one.counter);
  t.is(outcome.verdict, one.verdict);
  t.is(hex(outcome.packet), hex(one.sent ?? one.packet));
  if (one.after === undefined) return;
  const { client, port, service, table, entry } = one.after;
  const found = applied(state, outcome.changes).flows[table].get(
    keyText(flowKey(ipBytes(client), port, service)),
  );
  t.deepEqual(withoutDate(found), entry);
});

function withoutDate(entry: FlowEntry | undefined): Omit<FlowEntry, 'lastSeen'> | undefined {
  if (entry === undefined) return undefined;
  const { lastSeen: _, ...rest } = entry;
  return rest;
}

for (const one of packetCases) test(`${one.title} (model)`, decides, one);

test('there are 60 cases at least, each with its own title', (t) => {
  t.true(packetCases.length >= 60);
  t.is(new Set(packetCases.map(({ title }) => title)).size, packetCases.length);
});

for (const form of ['xdp', 'tcx'] as const) {
  kernelTest(`the program treats every packet case as forward() does (${form})`, (t) => {
    withKernel(form, (kernel) => {
      for (const one of packetCases) {
        const segments = [one.segmentBytes ?? 0];
        t.is(difference(kernel, stateOf(one), [one.packet], segments), undefined, one.title);
      }
    });
  });

  kernelTest(
    `the program treats every packet case, cut off at every byte, as forward() does (${form})`,
    (t) => {
      withKernel(form, (kernel) => {
        for (const one of packetCases) {
          // An Ethernet header is the least that can be run; behind 130 bytes all is payload.
          const cuts = Array.from({ length: Math.min(one.packet.length, 130) - 14 }, (_, index) =>
            one.packet.slice(0, 14 + index),
          );
          t.is(difference(kernel, stateOf(one), cuts), undefined, one.title);
        }
      });
    },
  );
}
