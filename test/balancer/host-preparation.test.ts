import test from 'ava';
import { HostPreparation, type PrepareHost } from '../../balancer/host-preparation.ts';
import type { HostWishes } from '../../lib/host-setup/index.ts';
import type { VipMode } from '../../balancer/vip-needs.ts';
import { memoryLog } from '../lib/control/helpers.ts';

const vip = (address: string, mode: VipMode = 'dr'): ReadonlyMap<string, VipMode> =>
  new Map([[address, mode]]);
const none: ReadonlyMap<string, VipMode> = new Map();

/** A host that notes what is done to it, and fails when told. */
class FakeHost {
  readonly done: string[] = [];
  failure: Error | undefined;
  readonly prepare: PrepareHost = (wishes) => {
    const note = (what: string, { vips }: HostWishes): Promise<void> => {
      this.done.push(`${what} ${vips.map(({ address, mode }) => `${address} ${mode}`).join()}`);
      return this.failure === undefined ? Promise.resolve() : Promise.reject(this.failure);
    };
    return note('prepare', wishes).then(() => ({
      takeLog: () => ['did something'],
      update: (now) => note('update', now),
      undo: () => Promise.resolve(void this.done.push('undo')),
    }));
  };
}

test('a host that no VIP is wanted on is not touched', async (t) => {
  const host = new FakeHost();
  const { log, lines } = memoryLog();
  const preparation = new HostPreparation(host.prepare, log);
  await preparation.apply(none, ['d1']);
  await preparation.undo();
  t.deepEqual(host.done, []);
  t.deepEqual(lines, []);
});

test('it is prepared, kept up to date and undone', async (t) => {
  const host = new FakeHost();
  const { log, lines } = memoryLog();
  const preparation = new HostPreparation(host.prepare, log);
  await preparation.apply(vip('a'), ['d1']);
  t.deepEqual([preparation.ready('a'), preparation.ready('b')], ['dr', undefined]);
  await preparation.apply(vip('a'), ['d1']);
  await preparation.apply(vip('b', 'tun'), ['d1']);
  t.deepEqual([preparation.ready('a'), preparation.ready('b')], [undefined, 'tun']);
  await preparation.apply(none, ['d1']);
  await preparation.undo();
  await preparation.apply(vip('a'), ['d1']);
  t.deepEqual(host.done, ['prepare a dr', 'update b tun', 'update ', 'undo']);
  t.is(lines[0]!.msg, 'host: did something');
});

test('what fails is told once and leaves ready what was', async (t) => {
  const host = new FakeHost();
  const { log, lines } = memoryLog();
  const preparation = new HostPreparation(host.prepare, log);
  host.failure = new Error('needs CAP_NET_ADMIN');
  await preparation.apply(vip('a'), []);
  await preparation.apply(vip('a'), []);
  t.is(preparation.ready('a'), undefined);
  t.deepEqual(
    lines.map(({ level, msg }) => [level, msg]),
    [[40, 'takes no packets for VIPs (dr, tun): needs CAP_NET_ADMIN']],
  );
  host.failure = undefined;
  await preparation.apply(vip('a'), []);
  t.is(preparation.ready('a'), 'dr');
  host.failure = new Error('busy');
  await preparation.apply(new Map([...vip('a'), ...vip('b')]), [], false);
  t.deepEqual([preparation.ready('a'), preparation.ready('b')], ['dr', undefined]);
  t.is(lines.find(({ msg }) => msg.includes('busy'))!.level, 30, 'nobody demanded it');
});
