import test from 'ava';
import { HeadgateError } from '../../../../lib/errors/index.ts';
import {
  NextHops,
  type Neighbour,
  type NetlinkEvent,
  type NextHop,
  type NextHopSource,
  type Route,
} from '../../../../lib/linux/netlink/index.ts';
import { ManualClock } from '../../../manual-clock.ts';

/** A host with eth0 (2) and eth1 (3), where `gateways` lead to the addresses that are not on the link. */
class Host implements NextHopSource {
  readonly routes = new Map<string, Partial<Route>>();
  readonly table = new Map<string, Neighbour>();
  readonly asked: string[] = [];
  resolving = true;
  closed = 0;
  tell: (event: NetlinkEvent) => void = () => {};

  interfaces() {
    const rest = { mac: undefined, loopback: false, up: true, carrier: true, resolves: true, kind: 'veth' };
    return [2, 3].map((index) => ({
      index,
      name: `eth${index - 2}`,
      mtu: index === 2 ? 1_500 : 9_000,
      ...rest,
    }));
  }
  route(address: string): Route {
    const route = this.routes.get(address);
    if (route === undefined) throw new HeadgateError('HEADGATE_NETLINK_REFUSED', 'network is unreachable');
    return {
      kind: 'unicast',
      ifindex: 2,
      gateway: undefined,
      source: '10.0.0.1',
      mtu: undefined,
      ...route,
    };
  }
  neighbours() {
    return [...this.table.values()];
  }
  resolveNeighbour(ifindex: number, address: string) {
    if (!this.resolving) throw new HeadgateError('HEADGATE_NETLINK_REFUSED', 'not permitted');
    this.asked.push(`${ifindex} ${address}`);
  }
  watch(onEvent: (event: NetlinkEvent) => void) {
    this.tell = onEvent;
    return { close: () => void (this.closed += 1) };
  }
  close() {
    this.closed += 1;
  }
  answer(
    address: string,
    mac: string | undefined,
    state: Neighbour['state'] = 'reachable',
    ifindex = 2,
  ): void {
    const neighbour = { ifindex, address, mac, state };
    this.table.set(`${ifindex} ${address}`, neighbour);
    this.tell({ kind: 'neighbour', gone: false, neighbour });
  }
}

function world() {
  const host = new Host();
  const clock = new ManualClock();
  const changes: (readonly [string, NextHop | undefined])[] = [];
  const troubles: unknown[] = [];
  const hops = new NextHops({
    source: host,
    clock,
    onChange: (...change) => changes.push(change),
    onTrouble: (error) => troubles.push(error),
  });
  return { host, clock, changes, troubles, hops };
}

test('a neighbour on the link is asked for at once, and its answer told', (t) => {
  const { host, changes, hops } = world();
  host.routes.set('10.0.0.2', {});
  hops.set(['10.0.0.2']);
  t.deepEqual(host.asked, ['2 10.0.0.2']);
  t.is(hops.get('10.0.0.2')?.mac, undefined);
  host.answer('10.0.0.2', '02:00:00:00:00:02');
  t.deepEqual(changes.at(-1), [
    '10.0.0.2',
    {
      ifindex: 2,
      via: '10.0.0.2',
      direct: true,
      local: false,
      mac: '02:00:00:00:00:02',
      source: '10.0.0.1',
      mtu: 1_500,
    },
  ]);
  t.is(hops.get('10.0.0.2')?.mac, '02:00:00:00:00:02');
});

test('addresses behind one gateway share its MAC address, and it is asked once', (t) => {
  const { host, hops } = world();
  for (const address of ['10.9.0.1', '10.9.0.2'])
    host.routes.set(address, { gateway: '10.0.0.254', mtu: 1_400 });
  host.answer('10.0.0.254', '02:00:00:00:00:fe', 'stale');
  hops.set(['10.9.0.1', '10.9.0.2']);
  t.deepEqual(host.asked, ['2 10.0.0.254']);
  for (const hop of hops.all().values())
    t.like(hop, { via: '10.0.0.254', direct: false, mac: '02:00:00:00:00:fe', mtu: 1_400 });
});

test('the last known MAC address stays when the neighbour fails or is forgotten, and a new one replaces it', (t) => {
  const { host, clock, changes, hops } = world();
  host.routes.set('10.0.0.2', {});
  hops.set(['10.0.0.2']);
  host.answer('10.0.0.2', '02:00:00:00:00:02');
  const before = changes.length;
  host.answer('10.0.0.2', undefined, 'failed');
  host.table.clear();
  host.tell({
    kind: 'neighbour',
    gone: true,
    neighbour: { ifindex: 2, address: '10.0.0.2', mac: '02:00:00:00:00:02', state: 'stale' },
  });
  clock.advance(60_000);
  t.is(changes.length, before);
  t.is(hops.get('10.0.0.2')?.mac, '02:00:00:00:00:02');
  host.answer('10.0.0.2', '02:00:00:00:00:99');
  t.is(hops.get('10.0.0.2')?.mac, '02:00:00:00:00:99');
});

test('every neighbour is asked again every ten seconds', (t) => {
  const { host, clock, hops } = world();
  host.routes.set('10.0.0.2', {});
  hops.set(['10.0.0.2']);
  clock.advance(30_000);
  t.is(host.asked.length, 4);
});

test('a burst of changed routes is looked at once; a way that moves or goes is told', (t) => {
  const { host, clock, changes, hops } = world();
  host.routes.set('10.0.0.2', {});
  hops.set(['10.0.0.2']);
  host.routes.set('10.0.0.2', { ifindex: 3 });
  host.answer('10.0.0.2', '02:00:00:00:00:03', 'reachable', 3);
  const asked = host.asked.length;
  for (let burst = 0; burst < 100; burst++) host.tell({ kind: 'route' });
  clock.advance(100);
  t.is(host.asked.length, asked + 1);
  t.like(hops.get('10.0.0.2'), { ifindex: 3, mac: '02:00:00:00:00:03', mtu: 9_000 });
  host.routes.clear();
  host.tell({ kind: 'lost' });
  clock.advance(100);
  t.deepEqual(changes.at(-1), ['10.0.0.2', undefined]);
});

test('this host’s own address is local and nobody is asked for it', (t) => {
  const { host, hops } = world();
  host.routes.set('10.0.0.1', { kind: 'local', ifindex: 1 });
  hops.set(['10.0.0.1']);
  t.like(hops.get('10.0.0.1'), { local: true, direct: true });
  t.deepEqual(host.asked, []);
});

test('neighbours that nobody wants leave no trace; addresses no longer wanted are forgotten', (t) => {
  const { host, changes, hops } = world();
  host.routes.set('10.0.0.2', {});
  hops.set(['10.0.0.2']);
  hops.set([]);
  const before = changes.length;
  host.answer('10.0.0.2', '02:00:00:00:00:02');
  t.is(changes.length, before);
  t.is(hops.get('10.0.0.2'), undefined);
});

test('a refusal to ask is told once, and what is known is used all the same', (t) => {
  const { host, clock, troubles, hops } = world();
  host.resolving = false;
  host.routes.set('10.0.0.2', {});
  host.answer('10.0.0.2', '02:00:00:00:00:02');
  hops.set(['10.0.0.2']);
  clock.advance(60_000);
  t.is(troubles.length, 1);
  t.is(hops.get('10.0.0.2')?.mac, '02:00:00:00:00:02');
});

test('after close nothing is asked or told, and the source is closed', (t) => {
  const { host, clock, changes, hops } = world();
  host.routes.set('10.0.0.2', {});
  hops.set(['10.0.0.2']);
  hops.close();
  hops.close();
  const before = [host.asked.length, changes.length];
  clock.advance(60_000);
  host.answer('10.0.0.2', '02:00:00:00:00:02');
  t.deepEqual([host.asked.length, changes.length], before);
  t.is(host.closed, 2);
  t.is(clock.pending, 0);
});
