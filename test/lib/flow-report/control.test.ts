import test, { type ExecutionContext } from 'ava';
import type { Endpoint } from '../../../lib/address/index.ts';
import type { ControlConnection } from '../../../lib/control/index.ts';
import { systemClock } from '../../../lib/clock/index.ts';
import {
  endpointKey,
  FlowSending,
  LiveFlows,
  publishFlows,
  subscribeFlows,
  type FlowFrame,
  type FlowPublisher,
  type FlowReport,
} from '../../../lib/flow-report/index.ts';
import { frameBody, frameMethod } from '../../../lib/flow-report/codec.ts';
import { ManualClock } from '../../manual-clock.ts';
import { until } from '../../until.ts';
import { join, serve } from '../control/helpers.ts';

/** A balancer with flows behind a real control server. */
async function balancer(
  t: ExecutionContext,
): Promise<{ live: LiveFlows; publisher: FlowPublisher; endpoint: Endpoint }> {
  const { server, endpoint } = await serve(t);
  const live = new LiveFlows((service, key, isLive) => publisher.changed(service, key, isLive));
  const publisher: FlowPublisher = publishFlows({ server, source: live, clock: systemClock });
  t.teardown(() => publisher.close());
  return { live, publisher, endpoint };
}

const client = (port: number): string => endpointKey({ host: '192.0.2.1', port });

/** `begin +1 +2 -3`: listing and ports of each report. */
function brief({ listing, confirmed, disowned }: FlowReport): string {
  return [
    listing,
    ...confirmed.map(({ port }) => `+${port}`),
    ...disowned.map(({ port }) => `-${port}`),
  ].join(' ');
}

test('over the control channel: first everything, then what changes, again for each who connects or asks anew', async (t) => {
  const { live, publisher, endpoint } = await balancer(t);
  live.opened('chat', client(1));
  const heard: string[] = [];
  const troubles: string[] = [];
  const subscribe = async (): Promise<{ relist(): void; close(): void }> => {
    const connection = await join(t, endpoint);
    const subscription = subscribeFlows(connection, {
      balancer: 'b1',
      onReport: (report) => heard.push(brief(report)),
      onTrouble: (why) => troubles.push(why),
    });
    return { relist: () => subscription.relist(), close: () => connection.close() };
  };
  const first = await subscribe();
  await until(() => heard.length === 2, 'the listing');
  live.opened('chat', client(2));
  live.ended('chat', client(1));
  await until(() => heard.length === 3, 'the changes');
  first.relist();
  await until(() => heard.length === 5, 'the second listing');
  first.close();
  await subscribe();
  await until(() => heard.length === 7, 'the third listing');
  t.deepEqual(heard, ['begin +1', 'end', 'none +2 -1', 'begin +2', 'end', 'begin +2', 'end']);
  t.deepEqual(troubles, []);
  t.deepEqual(publisher.stats(), { flowReports: 7, flowListings: 3, flowBacklogsDropped: 0 });
});

test('a balancer that knows no reports gives none, and that is told', async (t) => {
  const { endpoint } = await serve(t);
  const troubles: string[] = [];
  subscribeFlows(await join(t, endpoint), {
    balancer: 'b1',
    onReport: () => t.fail(),
    onTrouble: (why) => troubles.push(why),
  });
  await until(() => troubles.length === 1, 'the trouble');
  t.regex(troubles[0]!, /knows no request "flow-reports"/);
});

/** A sending whose frames are taken when the test says so. */
function sending(): {
  clock: ManualClock;
  live: LiveFlows;
  it: FlowSending;
  frames: FlowFrame[];
  sent: (() => void)[];
  queue: { isFull: boolean };
} {
  const clock = new ManualClock();
  const frames: FlowFrame[] = [];
  const sent: (() => void)[] = [];
  const queue = { isFull: false };
  const live = new LiveFlows((service, key, isLive) => it.changed(service, key, isLive));
  const it: FlowSending = new FlowSending({
    source: live,
    clock,
    send(frame, done) {
      if (queue.isFull) return false;
      frames.push(frame);
      sent.push(done);
      return true;
    },
  });
  return { clock, live, it, frames, sent, queue };
}

test('changes gather for a moment, and one frame is on its way at a time', (t) => {
  const { clock, live, frames, sent } = sending();
  live.opened('chat', client(1));
  t.is(frames.length, 0);
  clock.advance(100);
  t.is(frames.length, 1);
  live.opened('chat', client(2));
  clock.advance(1_000);
  t.is(frames.length, 1, 'the first is still on its way');
  sent.shift()!();
  t.is(frames.length, 2, 'a listing goes on at once, by turns with changes');
  sent.shift()!();
  sent.shift()!();
  t.deepEqual(
    frames.map(({ listing }) => listing),
    ['begin', 'none', 'end'],
  );
  live.ended('chat', client(1));
  live.opened('chat', client(3));
  t.is(clock.pending, 1);
  clock.advance(100);
  t.like(frames[3], { listing: 'none', confirmed: [client(3)], disowned: [client(1)] });
});

test('a frame that the queue does not take is followed by a full listing, without a gap in the sequence', (t) => {
  const { clock, live, it, frames, sent, queue } = sending();
  live.opened('chat', client(1));
  clock.advance(100);
  queue.isFull = true;
  sent.shift()!();
  t.is(it.dropped, 1);
  queue.isFull = false;
  clock.advance(100);
  sent.shift()!();
  t.deepEqual(
    frames.map(({ listing, sequence }) => [listing, sequence]),
    [
      ['begin', 1],
      ['begin', 2],
      ['end', 3],
    ],
  );
  it.close();
  live.opened('chat', client(2));
  t.is(clock.pending, 0);
});

test('reports that were lost are asked for again, however often in the life of a connection; without end they are not', (t) => {
  let subscriptions = 0;
  let notify: (method: string, body: unknown) => void = () => {};
  const connection = {
    request: () => (subscriptions++, Promise.resolve(true)),
    onNotify: (run: typeof notify) => void (notify = run),
  } as unknown as ControlConnection;
  const [onReport, onTrouble] = [() => {}, () => {}];
  subscribeFlows(connection, { balancer: 'b1', onReport, onTrouble });
  const frame = (sequence: number, listing: FlowFrame['listing']): void =>
    notify(frameMethod, frameBody({ sequence, service: 'v:1', listing, confirmed: [], disowned: [] }));
  for (let loss = 1; loss <= 100; loss++) {
    frame(1, 'begin');
    frame(2, 'end');
    frame(4, 'none');
  }
  t.is(subscriptions, 101);
  for (let loss = 1; loss <= 100; loss++) notify(frameMethod, 'nonsense');
  t.true(subscriptions < 120);
});
