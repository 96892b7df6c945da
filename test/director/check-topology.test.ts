import { createServer } from 'node:net';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { checkTopology } from '../../director/check-topology.ts';
import type { Lack, ServiceMode } from '../../director/forwarding-mode.ts';
import { ModeKeeper } from '../../director/mode-keeper.ts';
import type { PacketPlaneKind } from '../../director/packet-planes.ts';
import { HeadgateError, isHeadgateError } from '../../lib/errors/index.ts';
import type { Service, Topology } from '../../topology/index.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { ManualClock } from '../manual-clock.ts';
import { balancer, service, silentLog, topology } from './fixtures.ts';

const lack: Lack = { reason: 'no privileges', cure: 'run as root' };

function kind(name: string, takesVip: boolean, works: boolean, ...modes: ServiceMode[]): PacketPlaneKind {
  const never = (): never => {
    throw new Error('nothing is opened by a check');
  };
  return {
    name,
    modes,
    takesVip,
    endsBy: '',
    lack: () => (works ? undefined : lack),
    requireInterface: ({ interface: wanted }) => {
      if (wanted !== 'eth0') throw new HeadgateError('HEADGATE_XDP_INTERFACE', `there is no ${wanted}`);
    },
    isPinned: never,
    open: never,
  };
}

const kernel = (works: boolean) => kind('kernel', false, works, 'dr', 'tun', 'nat');
const user = (works: boolean) => kind('user', true, works, 'fullnat', 'tun');

async function check(
  before: Topology,
  after: Topology,
  kinds: readonly PacketPlaneKind[] = [],
): Promise<void> {
  const never = (): never => {
    throw new Error('no plane runs here');
  };
  const [director] = before.directors;
  const modes = new ModeKeeper(
    {
      director: director!,
      kinds,
      plane: never,
      running: () => undefined,
      memories: () => [],
      health: () => undefined,
      clock: new ManualClock(),
      log: silentLog,
    },
    before,
  );
  await checkTopology({ running: before, director: director!, modes, kinds }, after);
}

/** A block with somebody who listens at port 9001 of its first address. */
async function withTakenPort(t: ExecutionContext) {
  const block = await takeLoopbackBlock(t);
  const taker = createServer().listen(9_001, block.address(1));
  await once(taker, 'listening');
  t.teardown(() => taker.close());
  const chat = (port: number, change: Partial<Service> = {}, host = block.address(1)): Service =>
    service('chat', { listen: { host, port }, ...change });
  const of = (...services: Service[]): Topology =>
    topology([balancer('b1', { host: block.address(21) })], services, {
      directors: [{ name: 'd1', host: block.address(1), interface: undefined, controlPort: 7_400 }],
    });
  return { block, chat, of };
}

test('a VIP whose port is taken, or that is not of this machine, is refused with the reason', async (t) => {
  const { chat, of } = await withTakenPort(t);
  const before = of(chat(9_000));
  await t.notThrowsAsync(check(before, of(chat(9_002))));
  const taken = await t.throwsAsync(check(before, of(chat(9_001))));
  t.true(isHeadgateError(taken, 'HEADGATE_RELAY_PORT_TAKEN'));
  t.regex(taken?.message ?? '', /^service chat: cannot listen on .*:9001/);
  const foreign = await t.throwsAsync(check(before, of(chat(9_000, {}, '203.0.113.7'))));
  t.true(isHeadgateError(foreign, 'HEADGATE_RELAY_ADDRESS_NOT_LOCAL'));
});

test('where something of the cluster listens already is not tried: it stays, or goes with the same switch', async (t) => {
  const { chat, of } = await withTakenPort(t);
  const before = of(chat(9_001));
  await t.notThrowsAsync(check(before, of(chat(9_001, { forwarding: 'auto' }))));
  await t.notThrowsAsync(check(before, of({ ...chat(9_001), name: 'other' })));
});

test('a listener is tried where the VIP must be listened at: for proxy, and for planes that take it', async (t) => {
  const { chat, of } = await withTakenPort(t);
  const before = of(chat(9_000));
  const refused = async (forwarding: Service['forwarding']): Promise<unknown> => {
    const after = of(chat(9_000), { ...chat(9_001, { forwarding }), name: 'more' });
    return check(before, after, [kernel(true), user(true)]).catch((error: unknown) => error);
  };
  t.is(await refused('dr'), undefined);
  t.is(await refused('tun'), undefined);
  t.true(isHeadgateError(await refused('fullnat'), 'HEADGATE_RELAY_PORT_TAKEN'));
  // A loopback VIP can never be dr, so auto is proxy.
  t.true(isHeadgateError(await refused('auto'), 'HEADGATE_RELAY_PORT_TAKEN'));
});

test('a mode that is demanded anew and does not work here is refused with its cure, one that was there before is not', async (t) => {
  const { chat, of } = await withTakenPort(t);
  const [before, after] = [of(chat(9_000)), of(chat(9_000, { forwarding: 'dr' }))];
  const error = await t.throwsAsync(check(before, after, [kernel(false)]));
  t.true(isHeadgateError(error, 'HEADGATE_DIRECTOR_MODE'));
  t.regex(error?.message ?? '', /service chat: forwarding by dr does not work here: no privileges/);
  t.is(isHeadgateError(error) ? error.cure : '', 'run as root');
  await t.notThrowsAsync(check(before, after, [kernel(true)]));
  await t.notThrowsAsync(check(after, { ...after, graceMs: 1 }, [kernel(false)]));
  await t.notThrowsAsync(check(before, of(chat(9_000, { forwarding: 'auto' })), [kernel(false)]));
});

test('an interface that does not exist is refused, a director that is removed is asked nothing', async (t) => {
  const { chat, of } = await withTakenPort(t);
  const before = of(chat(9_000));
  const named = (name: string): Topology => ({
    ...before,
    directors: [{ ...before.directors[0]!, interface: name }],
  });
  await t.notThrowsAsync(check(before, named('eth0'), [kernel(false)]));
  const error = await t.throwsAsync(check(before, named('eth9'), [kernel(true)]));
  t.true(isHeadgateError(error, 'HEADGATE_XDP_INTERFACE'));
  await t.notThrowsAsync(check(before, { ...of(chat(9_001)), directors: [] }, [kernel(false)]));
});
