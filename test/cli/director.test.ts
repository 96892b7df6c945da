import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createControlServer, type Json } from '../../lib/control/index.ts';
import { ringOf, statusMethod, type NodeStatus } from '../../node/index.ts';
import { createSecretFile, loadFrom, readSecrets } from '../../topology/index.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { memoryLog } from '../lib/control/helpers.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { run } from './topology-io.ts';

/** A topology with a director d1, and the command that is to end what it forwards. */
async function scene(t: ExecutionContext) {
  const block = await takeLoopbackBlock(t);
  const folder = await temporaryFolder(t, {
    'topology.yaml': `version: 1
cluster: chat
secret: { file: ./cluster.key }
hashKey: '000102030405060708090a0b0c0d0e0f'
services: { chat: { listen: '${block.address(1)}:9000' } }
directors: { d1: { host: ${block.address(11)} } }
balancers: { b1: { host: ${block.address(21)} } }
chatservers: { c1: { address: '${block.address(31)}:7000' } }
`,
  });
  const file = join(folder, 'topology.yaml');
  await createSecretFile(join(folder, 'cluster.key'));
  const env = { HEADGATE_RUNTIME_DIR: folder, HEADGATE_BPFFS: folder };
  const { topology } = await loadFrom(file, env);
  const key = ringOf(await readSecrets(topology.secret, env));
  const detach = () => run('director', ['--detach', '--topology', file, '--node', 'd1'], env);
  const serve = (node: string) => {
    const server = createControlServer({ key, cluster: 'chat', node, log: memoryLog().log });
    t.teardown(() => server.close());
    const status = { tier: 'director', node, topology: topology.hash } as NodeStatus;
    server.handle(statusMethod, () => status as unknown as Json);
    return server;
  };
  const control = { host: block.address(11), port: 7400 };
  return { detach, serve, control, socket: join(folder, `${process.pid}.sock`) };
}

const refused = {
  exitCode: -1,
  err: 'HEADGATE_CLI_DIRECTOR_RUNS: director d1 runs, and what it forwards would end; stop d1 first',
};

test('a director that answers at its control port is not detached, one of another name there is none of it', async (t) => {
  const { detach, serve, control } = await scene(t);
  t.like(await detach(), { exitCode: 0, out: 'director d1: there is nothing to remove' });
  const other = serve('d2');
  await other.listen(control);
  t.like(await detach(), { exitCode: 0 });
  await other.close();
  await serve('d1').listen(control);
  t.like(await detach(), refused);
});

test('a director that is stopped, so that its control port says nothing, is not detached', async (t) => {
  const { detach, control } = await scene(t);
  const silent = createServer((socket) => {
    t.teardown(() => socket.destroy());
  });
  t.teardown(() => silent.close());
  silent.listen(control.port, control.host);
  await once(silent, 'listening');
  t.like(await detach(), refused);
});

test('a director that answers at its admin socket is not detached', async (t) => {
  const { detach, serve, socket } = await scene(t);
  await serve('d1').listenLocal(socket);
  t.like(await detach(), refused);
});

test('an admin socket of another director is in nobody’s way', async (t) => {
  const { detach, serve, socket } = await scene(t);
  await serve('d2').listenLocal(socket);
  t.like(await detach(), { exitCode: 0 });
});
