import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'ava';
import { ControlKey, createControlServer } from '../../lib/control/index.ts';
import { isHeadgateError } from '../../lib/errors/index.ts';
import { ControlPorts } from '../../node/control-ports.ts';
import { memoryLog } from '../lib/control/helpers.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { aBalancer, aTopology } from '../topology-fixture.ts';

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
  const ports = new ControlPorts(server);
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
