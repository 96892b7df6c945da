import test from 'ava';
import { HostPreparation, type PrepareHost } from '../../balancer/host-preparation.ts';
import type { HostWishes } from '../../lib/host-setup/index.ts';
import type { VipMode } from '../../balancer/vip-needs.ts';
import { memoryLog, type LogLine } from '../lib/control/helpers.ts';
import { ManualClock } from '../manual-clock.ts';

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

interface Setup {
  readonly host: FakeHost;
  readonly preparation: HostPreparation;
  readonly clock: ManualClock;
  readonly lines: LogLine[];
  /** How often it was told that something is ready after all. */
  readonly calls: { ready: number };
}

function setup(): Setup {
  const host = new FakeHost();
  const clock = new ManualClock();
  const { log, lines } = memoryLog();
  const calls = { ready: 0 };
  const preparation = new HostPreparation({
    prepare: host.prepare,
    log,
    clock,
    random: () => 1,
    onReady: () => void calls.ready++,
  });
  return { host, preparation, clock, lines, calls };
}

/** Lets what a timer began come to its end. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('a host that no VIP is wanted on is not touched', async (t) => {
  const { host, preparation, lines } = setup();
  await preparation.apply(none, ['d1']);
  await preparation.undo();
  t.deepEqual(host.done, []);
  t.deepEqual(lines, []);
});

test('it is prepared, kept up to date and undone', async (t) => {
  const { host, preparation, lines } = setup();
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
  const { host, preparation, lines } = setup();
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

test('what failed is tried again, less and less often, and told once when it works', async (t) => {
  const { host, preparation, clock, lines, calls } = setup();
  host.failure = new Error('busy');
  await preparation.apply(vip('a'), ['d1']);
  for (const delayMs of [2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    const tries = host.done.length;
    clock.advance(delayMs - 1);
    await settled();
    t.is(host.done.length, tries, `not before ${delayMs} ms`);
    clock.advance(1);
    await settled();
    t.is(host.done.length, tries + 1);
  }
  t.is(calls.ready, 0);
  for (const failure of [new Error('not allowed'), new Error('busy'), undefined]) {
    host.failure = failure;
    clock.advance(30_000);
    await settled();
  }
  t.is(preparation.ready('a'), 'dr');
  t.is(calls.ready, 1);
  t.deepEqual(
    lines.map(({ msg }) => msg),
    [
      'takes no packets for VIPs (dr, tun): busy',
      'takes no packets for VIPs (dr, tun): not allowed',
      'takes packets for VIPs (dr, tun) after all',
      'host: did something',
    ],
  );
  t.is(clock.pending, 0, 'and then it is left alone');
  host.failure = new Error('busy');
  await preparation.apply(vip('b'), ['d1']);
  t.is(lines.filter(({ msg }) => msg.endsWith('busy')).length, 2, 'another time');
  clock.advance(1_999);
  await settled();
  t.is(preparation.ready('b'), undefined);
  host.failure = undefined;
  clock.advance(1);
  await settled();
  t.is(preparation.ready('b'), 'dr');
});

test('only what is wanted now is tried again, and nothing once it is undone', async (t) => {
  const { host, preparation, clock, lines, calls } = setup();
  await preparation.apply(vip('a'), []);
  host.failure = new Error('busy');
  await preparation.apply(vip('b'), []);
  t.is(preparation.ready('a'), undefined);
  host.failure = undefined;
  // As it was before the one that failed.
  await preparation.apply(vip('a'), []);
  t.is(preparation.ready('a'), 'dr');
  t.is(calls.ready, 1);
  t.is(clock.pending, 0);

  host.failure = new Error('busy');
  await preparation.apply(vip('b'), []);
  host.failure = undefined;
  await preparation.undo();
  clock.advance(60_000);
  await settled();
  t.is(host.done.at(-1), 'undo');
  t.is(lines.filter(({ msg }) => msg.endsWith('busy')).length, 2);
});

test('a VIP that is not wanted any more is not tried again', async (t) => {
  const { host, preparation, clock, lines, calls } = setup();
  host.failure = new Error('busy');
  await preparation.apply(vip('a'), []);
  await preparation.apply(none, []);
  clock.advance(60_000);
  await settled();
  t.deepEqual(host.done, ['prepare a dr']);
  t.is(lines.length, 1);
  t.is(calls.ready, 0);
});
