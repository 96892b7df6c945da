import test from 'ava';
import { ModeKeeper } from '../../director/mode-keeper.ts';
import type { PacketPlane, PacketPlaneKind } from '../../director/packet-planes.ts';
import { ManualClock } from '../manual-clock.ts';
import { balancer, service, silentLog, topology } from './fixtures.ts';

test('a change that would end connections waits for them, also when the service gets another name with it', (t) => {
  const of = (name: string, forwarding: 'tun' | 'proxy') =>
    topology([balancer('b1')], [service(name, { forwarding })]);
  const kind = { modes: ['tun'], takesVip: true, endsBy: 'wait', lack: () => undefined } as const;
  let connections: Record<string, number> = { chat: 1 };
  const plane = {
    stats: () => ({
      services: Object.fromEntries(
        Object.entries(connections).map(([name, count]) => [name, { connections: count }]),
      ),
    }),
  } as unknown as PacketPlane;
  const before = of('chat', 'tun');
  const keeper = new ModeKeeper(
    {
      director: before.directors[0]!,
      kinds: [kind as unknown as PacketPlaneKind],
      plane: () => plane,
      running: () => plane,
      memories: () => [],
      health: () => undefined,
      clock: new ManualClock(),
      log: silentLog,
    },
    before,
  );
  keeper.update();
  keeper.setTopology(of('talk', 'proxy'));
  const mode = () => {
    keeper.update();
    return keeper.modes.get('talk');
  };
  t.is(mode(), 'tun');
  // The plane has heard of the new name.
  connections = { talk: 1 };
  t.is(mode(), 'tun');
  connections = { talk: 0 };
  t.is(mode(), 'proxy');
});
