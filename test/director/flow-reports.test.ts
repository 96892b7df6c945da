import test from 'ava';
import { systemClock } from '../../lib/clock/index.ts';
import { endpointKey, LiveFlows, publishFlows, type FlowReport } from '../../lib/flow-report/index.ts';
import { createHeartbeats, createResponder } from '../../lib/heartbeat/index.ts';
import { FlowReports } from '../../director/flow-reports.ts';
import { key, memoryLog, serve } from '../lib/control/helpers.ts';
import { serving } from '../lib/heartbeat/helpers.ts';
import { until } from '../until.ts';

test('reports come over the heartbeat connection to planes that want them, in full for each new plane', async (t) => {
  const { server, endpoint } = await serve(t);
  createResponder({ server, reply: () => serving, intervalMs: () => 1_000 });
  const live = new LiveFlows((service, flow, isLive) => publisher.changed(service, flow, isLive));
  const publisher = publishFlows({ server, source: live, clock: systemClock });
  t.teardown(() => publisher.close());
  live.opened('chat', endpointKey({ host: '192.0.2.1', port: 50_000 }));

  const { log, lines } = memoryLog();
  let plane: { report?(balancer: string, report: FlowReport): void } = {};
  const reports = new FlowReports({ plane: () => plane, log });
  const beats = createHeartbeats({
    settings: { intervalMs: 60_000, misses: 3, rises: 2, deadAfterMs: 10_000 },
    identity: { key, cluster: 'chat', node: 'd1' },
    log,
    onChange: () => {},
    onConnection: (id, connection) => reports.connected(id, connection),
  });
  t.teardown(() => beats.close());
  beats.setTargets([{ id: 'b1@x', probe: { kind: 'headgate', node: 'b1', endpoint } }]);
  await until(() => beats.health('b1@x')?.state === 'up', 'the balancer is up');
  t.is(publisher.stats().flowListings, 0, 'a plane without report() costs nothing');

  const heard: FlowReport[] = [];
  plane = { report: (_balancer, report) => void heard.push(report) };
  reports.relist();
  await until(() => heard.length === 2, 'the listing');
  t.like(heard[0], { balancer: 'b1@x', service: 'chat', listing: 'begin' });
  t.deepEqual(
    heard[0]!.confirmed.map(({ address, port }) => [...address, port]),
    [[192, 0, 2, 1, 50_000]],
  );
  t.is(heard[1]!.listing, 'end');
  reports.relist();
  await until(() => heard.length === 4, 'the next listing');
  t.is(server.stats().accepted, 1, 'all over the connection of the heartbeat');

  plane = {
    report: () => {
      throw new Error('a fault');
    },
  };
  reports.relist();
  await until(() => reports.stats.flowReportTroubles === 2, 'the faults are counted');
  t.regex(lines.at(-1)!.msg, /flow reports of b1@x: it was not taken: a fault/);
});
