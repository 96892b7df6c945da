import test, { type ExecutionContext } from 'ava';
import type { ControlPeer, ControlServer, Json, RequestHandler } from '../../../lib/control/index.ts';
import { createResponder, type Forwards, type HeartbeatReply } from '../../../lib/heartbeat/index.ts';
import { draining, serving } from './helpers.ts';
import { ManualClock } from '../../manual-clock.ts';

/** A peer whose connection does what the test says. */
class FakePeer implements ControlPeer {
  readonly identity;
  readonly remote = '127.20.0.1';
  readonly id: number;
  readonly local = false;
  readonly told: Json[] = [];
  full = false;
  readonly flushes: (() => void)[] = [];
  readonly #closeRuns: (() => void)[] = [];

  constructor(id: number) {
    this.id = id;
    this.identity = { cluster: 'chat', node: `d${id}` };
  }

  notify(_method: string, body: Json, flushed?: () => void): boolean {
    if (this.full) return false;
    this.told.push(body);
    if (flushed !== undefined) this.flushes.push(flushed);
    return true;
  }

  flush(): void {
    for (const flushed of this.flushes.splice(0)) flushed();
  }

  onClose(run: () => void): void {
    this.#closeRuns.push(run);
  }

  close(): void {
    for (const run of this.#closeRuns) run();
  }
}

function make(t: ExecutionContext) {
  const clock = new ManualClock();
  let beat: RequestHandler | undefined;
  const server: Pick<ControlServer, 'handle'> = { handle: (_method, handler) => void (beat = handler) };
  const now: { reply: HeartbeatReply } = { reply: serving };
  const heard: (readonly [node: string, forwards: Forwards])[] = [];
  const responder = createResponder({
    server: server as ControlServer,
    reply: () => now.reply,
    intervalMs: () => 1_000,
    clock,
    onForwards: (node, forwards) => void heard.push([node, forwards]),
  });
  t.teardown(() => responder.close());
  const ask = (peer: ControlPeer, body: Json = null) => beat!(body, peer) as Json;
  return { clock, responder, now, heard, beat: ask };
}

test('a beat is answered with the present state', (t) => {
  const { beat, now } = make(t);
  const peer = new FakePeer(1);
  t.deepEqual(beat(peer) as unknown, serving);
  now.reply = draining;
  t.deepEqual(beat(peer) as unknown, draining);
});

test('a beat tells how its node forwards, and what it cannot mean is passed over', (t) => {
  const { beat, heard } = make(t);
  const peer = new FakePeer(1);
  const vip = '203.0.113.10:9000';
  beat(peer, {
    node: 'd1',
    forwards: { [vip]: 'dr', '[2001:db8::1]:9000': 'warp', ['x'.repeat(257)]: 'dr' },
  });
  t.deepEqual(heard, [['d1', new Map([[vip, 'dr']])]]);
  const many = Object.fromEntries(Array.from({ length: 1_025 }, (_, port) => [`${vip}${port}`, 'dr']));
  for (const forwards of [undefined, null, 'dr', ['dr'], many])
    t.deepEqual(
      beat(peer, { node: 'd1', ...(forwards === undefined ? {} : { forwards }) }) as unknown,
      serving,
    );
  t.is(heard.length, 1);
});

test('with nobody beating everybody has been told', async (t) => {
  const { responder } = make(t);
  responder.announce();
  t.true(await responder.whenTold(1_000));
});

test('told means handed over to everybody who beats', async (t) => {
  const { responder, beat, now } = make(t);
  const [one, two] = [new FakePeer(1), new FakePeer(2)];
  beat(one);
  beat(two);
  t.deepEqual(responder.beatingNodes(), ['d1', 'd2']);
  now.reply = draining;
  responder.announce();
  t.deepEqual([one.told, two.told] as unknown, [[draining], [draining]]);
  let told: boolean | undefined;
  const waiting = responder.whenTold(1_000).then((all) => (told = all));
  one.flush();
  await Promise.resolve();
  t.is(told, undefined);
  two.flush();
  await waiting;
  t.is(told, true);
});

test('announcements do not pile up at a slow peer: it gets the latest when it has taken the first', async (t) => {
  const { responder, beat, now } = make(t);
  const peer = new FakePeer(1);
  beat(peer);
  for (let n = 0; n < 100; n += 1) {
    now.reply = { ...serving, connections: n };
    responder.announce();
  }
  t.is(peer.told.length, 1);
  const waiting = responder.whenTold(1_000);
  peer.flush();
  t.is(peer.told.length, 2);
  t.like(peer.told[1] as object, { connections: 99 });
  peer.flush();
  t.true(await waiting);
});

test('a peer whose queue was full is told again with its next beat', async (t) => {
  const { responder, beat } = make(t);
  const peer = new FakePeer(1);
  beat(peer);
  peer.full = true;
  responder.announce();
  const waiting = responder.whenTold(5_000);
  peer.full = false;
  beat(peer);
  peer.flush();
  t.true(await waiting);
});

test('a peer that is gone, or has not beaten for three intervals, is not waited for', async (t) => {
  const { responder, beat, clock } = make(t);
  const [gone, silent] = [new FakePeer(1), new FakePeer(2)];
  beat(gone);
  beat(silent);
  responder.announce();
  const waiting = responder.whenTold(60_000);
  gone.close();
  clock.advance(3_001);
  t.true(await waiting);
  t.deepEqual(responder.beatingNodes(), []);
  t.is(clock.pending, 0);
});

test('whoever is not told in time makes the answer false', async (t) => {
  const { responder, beat, clock } = make(t);
  beat(new FakePeer(1));
  responder.announce();
  const waiting = responder.whenTold(500);
  clock.advance(500);
  t.false(await waiting);
});

test('close ends waiting', async (t) => {
  const { responder, beat, clock } = make(t);
  const peer = new FakePeer(1);
  beat(peer);
  responder.announce();
  const waiting = responder.whenTold(500);
  responder.close();
  t.false(await waiting);
  t.is(clock.pending, 0);
  beat(peer);
  t.deepEqual(responder.beatingNodes(), []);
});
