import test from 'ava';
import { encodeBalancer } from '../../../director/xdp/encode.ts';
import { readMemory } from '../../../director/xdp/memory.ts';
import { encodeName, type Named } from '../../../director/xdp/names.ts';

test('a balancer that an earlier process knew is asked where it was, and has to answer by its own name', (t) => {
  const left: readonly Omit<Named, 'generation'>[] = [
    { name: 'b1@10.0.1.1', probe: 'headgate', probePort: 7_400 },
    { name: 'b2@fd00::2', probe: 'headgate', probePort: 7_401 },
    { name: 'b3@10.0.1.3', probe: 'tcp', probePort: 80 },
    { name: 'b4@10.0.1.4', probe: 'off', probePort: 0 },
  ];
  const names = {
    lookup: (index: number) => left[index] && encodeName({ ...left[index], generation: 1 }),
  };
  const path = {
    maps: {
      service_names: { lookup: () => undefined },
      balancer_names: names,
      balancers: { lookup: () => encodeBalancer(undefined) },
    },
    capacity: { services: 1, balancers: left.length },
  } as unknown as Parameters<typeof readMemory>[0];
  t.deepEqual(readMemory(path).plane.balancers, [
    {
      id: 'b1@10.0.1.1',
      target: {
        id: 'b1@10.0.1.1',
        probe: { kind: 'headgate', node: 'b1', endpoint: { host: '10.0.1.1', port: 7_400 } },
      },
    },
    {
      id: 'b2@fd00::2',
      target: {
        id: 'b2@fd00::2',
        probe: { kind: 'headgate', node: 'b2', endpoint: { host: 'fd00::2', port: 7_401 } },
      },
    },
    {
      id: 'b3@10.0.1.3',
      target: { id: 'b3@10.0.1.3', probe: { kind: 'tcp', endpoint: { host: '10.0.1.3', port: 80 } } },
    },
    { id: 'b4@10.0.1.4', target: { id: 'b4@10.0.1.4', probe: { kind: 'off' } } },
  ]);
});
