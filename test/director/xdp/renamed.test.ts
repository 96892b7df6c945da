/** What services are called changes, and no flow notices: it is known by the VIP. */
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { mountBpffs, unmountBpffs } from '../../../lib/linux/bpf/index.ts';
import { ipBytes, TcpFlag } from '../../../lib/packet/index.ts';
import { detachPinned } from '../../../director/xdp/data-path.ts';
import { parseTopology, type Topology } from '../../../topology/index.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { ifindexOf, ownNamespaces, temporaryDirectory } from '../../lib/linux/bpf/own-namespaces.ts';
import { ManualClock } from '../../manual-clock.ts';
import { makeWire } from './small-data-path.ts';
import { SmallPlane, vip, vipPort } from './small-plane.ts';

test.before(() => {
  if (ownNamespaces().available) makeWire();
});

const client = { host: '192.0.2.1', port: 5_000 };
/** What the client is connected to, and another service. */
const here = `${vip}:${vipPort}`;
const there = `${vip}:${vipPort + 1}`;
const stays = { kind: 'sent', host: '10.0.1.1', mode: 'dr' } as const;

/** Names of services by what they listen on. */
type Names = Readonly<Record<string, string>>;

function topologyOf(balancers: readonly string[], names: Names): Topology {
  const { topology } = parseTopology(
    stringify({
      version: 1,
      cluster: 'test',
      secret: { env: 'NOT_READ_HERE' },
      hashKey: '000102030405060708090a0b0c0d0e0f',
      services: Object.fromEntries(
        Object.entries(names).map(([listen, name]) => [name, { listen, forwarding: 'dr' }]),
      ),
      directors: { d1: { host: '10.0.0.1' } },
      balancers: Object.fromEntries(balancers.map((each) => [each, { host: hostOf(each) }])),
      chatservers: { c1: { address: '10.0.2.1:7000' } },
    }),
    'topology.yaml',
  );
  if (topology === undefined) throw new Error('the topology of the test is invalid');
  return topology;
}

const hostOf = (balancer: string): string => `10.0.1.${balancer.slice(1)}`;
const idOf = (balancer: string): string => `${balancer}@${hostOf(balancer)}`;

/** A director, and what its balancers say to it. */
class Scene {
  readonly director: SmallPlane;

  constructor(director: SmallPlane) {
    this.director = director;
  }

  async up(...balancers: string[]): Promise<void> {
    for (const balancer of balancers) this.director.beats.set(idOf(balancer), 'up');
    await this.director.wait(100);
  }

  /** Full listings of b1: the client is connected to `here`, and nobody to anything else that it ever served. */
  list(hasClient: boolean): void {
    for (const service of [here, there]) {
      const clients = hasClient && service === here ? [client] : [];
      const confirmed = clients.map(({ host, port }) => ({ address: ipBytes(host), port }));
      const report = { balancer: idOf('b1'), service, disowned: [] };
      this.director.plane.report(idOf('b1'), { ...report, confirmed: [], listing: 'begin' });
      this.director.plane.report(idOf('b1'), { ...report, confirmed, listing: 'end' });
    }
  }
}

async function withScene(use: (scene: Scene) => Promise<void>): Promise<void> {
  const root = temporaryDirectory();
  mountBpffs(root);
  const directory = join(root, 'd1');
  const director = new SmallPlane({ directory, ifindex: ifindexOf('hg-xdp-a'), clock: new ManualClock() });
  try {
    await use(new Scene(director));
  } finally {
    await director.kill();
    director.close();
    detachPinned(directory);
    unmountBpffs(root);
    rmSync(dirname(root), { recursive: true });
  }
}

/** A confirmed flow goes through changes of names; then its balancer is removed, and keeps it until it has ended. */
async function keepsItsFlow(t: ExecutionContext, before: Names, ...changes: readonly Names[]): Promise<void> {
  await withScene(async (scene) => {
    const { director } = scene;
    const flows = (): number | undefined => director.plane.stats().balancers[idOf('b1')];
    await director.start(topologyOf(['b1'], before));
    await scene.up('b1');
    t.deepEqual(director.send(client.port, TcpFlag.Syn), stays);
    director.send(client.port, TcpFlag.Ack);
    scene.list(true);
    let names = before;
    for (const change of changes) {
      names = change;
      await director.apply(topologyOf(['b1', 'b2'], names));
      await scene.up('b1', 'b2');
      // Its connection was lost and made again.
      scene.list(true);
      await director.wait(2_000);
      t.is(flows(), 1);
      const name = names[here];
      if (name !== undefined) t.like(director.plane.find(name, client), { confirmed: true });
      t.deepEqual(director.send(client.port, TcpFlag.Ack), stays);
    }
    await director.apply(topologyOf(['b2'], names));
    await director.wait(5_000);
    t.is(flows(), 1);
    t.deepEqual(director.send(client.port, TcpFlag.Ack), stays);
    scene.list(false);
    await director.wait(5_000);
    t.is(flows(), undefined, 'nothing is left when it has ended');
  });
}

kernelTest(
  'a flow stays confirmed and where it is when its service gets another name, and when its balancer is removed then',
  (t) => keepsItsFlow(t, { [here]: 'chat' }, { [here]: 'talk' }, { [here]: 'chat' }),
  [ownNamespaces],
);

kernelTest(
  'a flow stays confirmed and where it is when two services swap their names, and when its balancer is removed then',
  (t) =>
    keepsItsFlow(
      t,
      { [here]: 'chat', [there]: 'talk' },
      { [here]: 'talk', [there]: 'chat' },
      { [here]: 'chat', [there]: 'talk' },
    ),
  [ownNamespaces],
);

kernelTest(
  'a flow stays where it is when its service leaves the VIP for another one, and ends when its balancer says so',
  (t) => keepsItsFlow(t, { [here]: 'chat' }, { [there]: 'chat' }),
  [ownNamespaces],
);
