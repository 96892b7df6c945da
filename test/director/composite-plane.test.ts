import test from 'ava';
import { CompositePlane } from '../../director/composite-plane.ts';
import type { ServiceMode } from '../../director/forwarding-mode.ts';
import type { ForwardingTable } from '../../director/forwarding-table.ts';
import type { PacketPlane, PacketPlaneKind } from '../../director/packet-planes.ts';
import { formatEndpoint } from '../../lib/address/index.ts';
import { ManualClock } from '../manual-clock.ts';
import { balancer, service, table, topology } from './fixtures.ts';

const listen = { host: '203.0.113.10', port: 9_000 };

/** A composite plane whose planes note what they hear: of the proxy where it listens, of the other who comes to it. */
function scene(takesVip: boolean) {
  const clock = new ManualClock();
  const listening: string[][] = [];
  const comers: string[][] = [];
  const proxy = {
    apply: (of: ForwardingTable) => {
      listening.push(of.services.map(({ name, listen: at }) => `${name} ${formatEndpoint(at)}`));
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  } as unknown as PacketPlane;
  const packets = {
    apply: () => Promise.resolve(),
    comingFromProxy: (listens: readonly { host: string; port: number }[]) =>
      void comers.push(listens.map(formatEndpoint)),
    close: () => Promise.resolve(),
  } as unknown as PacketPlane;
  const kind = { takesVip } as PacketPlaneKind;
  const kindOf = (mode: ServiceMode) => (mode === 'proxy' ? undefined : kind);
  const plane = new CompositePlane({
    proxy,
    kindOf,
    useKind: kindOf,
    open: () => packets,
    clock,
    onOpened: () => undefined,
  });
  const apply = (name: string, forwarding: 'proxy' | 'tun') =>
    plane.apply(table(topology([balancer('b1')], [service(name, { listen, forwarding })])));
  return { plane, apply, clock, listening, comers };
}

test('a service that leaves proxy and gets another name with it listens for another moment', async (t) => {
  const { plane, apply, clock, listening } = scene(false);
  await apply('chat', 'proxy');
  await apply('talk', 'tun');
  t.deepEqual(listening.at(-1), ['talk 203.0.113.10:9000']);
  await apply('speak', 'tun');
  t.deepEqual(listening.at(-1), ['speak 203.0.113.10:9000']);
  clock.advance(2_000);
  t.deepEqual(listening.at(-1), []);
  await plane.close();
});

test('a plane that takes the VIP hears who comes from the proxy, whatever its name was there', async (t) => {
  const { plane, apply, listening, comers } = scene(true);
  await apply('chat', 'proxy');
  await apply('talk', 'tun');
  t.deepEqual(comers, [['203.0.113.10:9000']]);
  t.deepEqual(listening.at(-1), []);
  await apply('talk', 'tun');
  t.is(comers.length, 1);
  await plane.close();
});
