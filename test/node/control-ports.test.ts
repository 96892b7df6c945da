import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import type { Endpoint } from '../../lib/address/index.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { ControlKey, createControlServer } from '../../lib/control/index.ts';
import { describeError, isHeadgateError } from '../../lib/errors/index.ts';
import { ControlPorts } from '../../node/control-ports.ts';
import { memoryLog, serve } from '../lib/control/helpers.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { ManualClock } from '../manual-clock.ts';
import { aBalancer, aTopology } from '../topology-fixture.ts';
import { until } from '../until.ts';

test('a control port that is taken is found out before the switch; one of before is listened at already', async (t) => {
  const block = await takeLoopbackBlock(t);
  const host = block.address(21);
  const taker = createServer().listen(7_402, host);
  await once(taker, 'listening');
  const { log } = memoryLog();
  const key = ControlKey.fromSecret(Buffer.alloc(32, 1));
  const server = createControlServer({ key, cluster: 'test', node: 'b1', log });
  t.teardown(async () => {
    taker.close();
    await server.close();
  });
  const ports = new ControlPorts(server, systemClock);
  await ports.listen({ host, port: 7_400 });
  const running = aTopology({ balancers: [aBalancer({ host })] });
  await t.notThrowsAsync(ports.check(running, { host, port: 7_400 }));
  await t.notThrowsAsync(ports.check(running, { host, port: 7_401 }));
  const error = await t.throwsAsync(ports.check(running, { host, port: 7_402 }));
  t.true(isHeadgateError(error, 'HEADGATE_CONTROL_PORT_TAKEN'));
  // There and back: the old port was never closed.
  await ports.listen({ host, port: 7_401 });
  const later = aTopology({ balancers: [aBalancer({ host, controlPort: 7_401 })] });
  await t.notThrowsAsync(ports.check(later, { host, port: 7_400 }));
  await t.notThrowsAsync(ports.listen({ host, port: 7_400 }));
});

test('a control port of another node that runs is refused, as it does not give it up with the switch', async (t) => {
  const block = await takeLoopbackBlock(t);
  const host = block.address(21);
  const [b1, b2] = [7_401, 7_402].map((port) => ({ host, port })) as [Endpoint, Endpoint];
  const { server } = await serve(t, { host });
  const ports = new ControlPorts(server, systemClock);
  await ports.listen(b1);
  const taker = await taken(t, b2.host, b2.port);
  const running = aTopology({
    balancers: [b1, b2].map(({ port }, at) => aBalancer({ name: `b${at + 1}`, host, controlPort: port })),
  });
  const error = await t.throwsAsync(ports.check(running, b2));
  t.true(isHeadgateError(error, 'HEADGATE_CONTROL_PORT_TAKEN'));
  t.regex(
    describeError(error),
    /^control port \S+:7402 is that of b2, which keeps it until its process ends; give this node .* or stop b2 first$/,
  );
  await freed(taker);
  await t.notThrowsAsync(ports.check(running, b2), 'b2 does not run');
});

async function taken(t: ExecutionContext, host: string, port: number): Promise<Server> {
  const taker = createServer().listen(port, host);
  await once(taker, 'listening');
  t.teardown(() => taker.close());
  return taker;
}

async function freed(taker: Server): Promise<void> {
  taker.close();
  await once(taker, 'close');
}

test('a control port that is taken is told once, and tried again until it is free', async (t) => {
  const block = await takeLoopbackBlock(t);
  const to = { host: block.address(21), port: 7_401 };
  const taker = await taken(t, to.host, to.port);
  const { server } = await serve(t, { host: to.host });
  const clock = new ManualClock();
  const ports = new ControlPorts(server, clock);
  const moves: unknown[] = [];
  const error = await t.throwsAsync(ports.move(to, (failure) => moves.push(failure)));
  t.true(isHeadgateError(error, 'HEADGATE_CONTROL_PORT_TAKEN'));
  for (let second = 0; second < 3; second += 1) {
    clock.advance(1_000);
    await until(() => clock.pending === 1, 'the next try to be due');
  }
  t.deepEqual(moves, []);
  await freed(taker);
  clock.advance(1_000);
  await until(() => moves.length > 0, 'the move');
  t.deepEqual(moves, [error], 'with what it was told before');
  t.deepEqual(server.endpoints().at(-1), to);
  t.is(clock.pending, 0);
});

test('a move to a taken control port is given up with the next one, and when the node stays', async (t) => {
  // Answers each try when the test says so.
  const tries: { port: number; succeed: () => void; fail: () => void }[] = [];
  const server = {
    listen: async ({ port }: Endpoint) =>
      new Promise<void>((succeed, reject) =>
        tries.push({ port, succeed, fail: () => reject(new Error(`${port} is taken`)) }),
      ),
  };
  const clock = new ManualClock();
  const ports = new ControlPorts(server, clock);
  const moved: number[] = [];
  const move = async (port: number): Promise<void> =>
    ports.move({ host: '127.0.0.1', port }, () => moved.push(port));
  const first = t.throwsAsync(move(7_401));
  tries[0]!.fail();
  await first;
  const second = move(7_402);
  tries[1]!.succeed();
  await second;
  t.is(clock.pending, 0, '7401 is not wanted any more');
  const third = t.throwsAsync(move(7_403));
  tries[2]!.fail();
  await third;
  clock.advance(1_000);
  t.is(tries.length, 4, 'under way');
  ports.stay();
  tries[3]!.succeed();
  const fourth = t.throwsAsync(move(7_404));
  tries[4]!.fail();
  await fourth;
  clock.advance(1_000);
  ports.stay();
  tries[5]!.fail();
  await new Promise((resolve) => setImmediate(resolve));
  t.is(clock.pending, 0);
  t.deepEqual(
    tries.map(({ port }) => port),
    [7_401, 7_402, 7_403, 7_403, 7_404, 7_404],
  );
  t.deepEqual(moved, [7_402]);
});
