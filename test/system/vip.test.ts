/** A balancer on a host of its own, prepared for a VIP whose packets come without a connection of a director's. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { headgate } from '../cluster.ts';
import { createLab, probeLab } from '../lab/index.ts';
import { outputOf } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';

const vip = '10.78.50.1';
const echo = `require('net').createServer((s) => s.pipe(s)).listen(7000, '10.78.2.1', () => console.log('listens'))`;
/** Says a line for each line that comes back; each line of its input is sent. */
const chatter = `
  const s = require('net').connect(9000, '${vip}', () => process.stdin.pipe(s));
  s.pipe(process.stdout);
  s.on('close', () => console.log('closed'));
  s.on('error', (error) => console.log(error.code));`;

const topology = (forwarding: string): string =>
  stringify({
    version: 1,
    cluster: 'test',
    secret: { file: './cluster.key' },
    hashKey: '000102030405060708090a0b0c0d0e0f',
    grace: '30s',
    services: { chat: { listen: `${vip}:9000`, forwarding } },
    directors: { d1: { host: '10.78.0.1' } },
    balancers: { b1: { host: '10.78.1.1', workers: 1 } },
    chatservers: { c1: { address: '10.78.2.1:7000', heartbeat: { probe: 'tcp' } } },
  });

testUnless(probeLab())(
  'a balancer puts the VIP on its loopback and serves it, keeps it as long as a client is there, and leaves nothing behind',
  async (t) => {
    t.timeout(120_000);
    const hosts = { client: ['10.78.9.1'], b1: ['10.78.1.1'], c1: ['10.78.2.1'] };
    const lab = await createLab(t, { hosts });
    const folder = await temporaryFolder(t, { 'topology.yaml': topology('dr') });
    const file = path.join(folder, 'topology.yaml');
    const env = { HEADGATE_RUNTIME_DIR: path.join(folder, 'run') };
    await outputOf([...headgate, 'topology', 'new-secret', path.join(folder, 'cluster.key')], { env });
    const server = await lab.spawn('c1', [process.execPath, '-e', echo]);
    await server.line(/listens/);
    const settings = async (): Promise<string> => {
      const { stdout } = await lab.exec('b1', ['sysctl', '-a', '-r', 'arp_|rp_filter']);
      return stdout;
    };
    const addresses = async (): Promise<string> =>
      (await lab.exec('b1', ['ip', 'addr', 'show', 'lo'])).stdout;
    const before = await settings();

    const argv = [...headgate, 'balancer', '--topology', file, '--node', 'b1'];
    const b1 = await lab.spawn('b1', argv, { env });
    await b1.line(/chat: serving, takes proxy and dr/, { timeoutMs: 45_000 });
    t.true((await addresses()).includes(vip));
    // A packet of a director's in dr mode is this: the VIP in it, the balancer's host as its next hop.
    await lab.exec('client', ['ip', 'route', 'add', `${vip}/32`, 'via', '10.78.1.1']);
    const client = await lab.spawn('client', [process.execPath, '-e', chatter]);
    client.write('hello');
    await client.line(/hello/);

    // Another mode, and a farewell: neither ends the connection, nor takes its VIP away.
    await writeFile(file, topology('proxy'));
    await b1.line(/topology \w+ replaces/);
    b1.signal('SIGTERM');
    await b1.line(/SIGTERM: draining 1 connection/);
    client.write('still here');
    await client.line(/still here/);
    t.true((await addresses()).includes(vip));
    await client.end();
    t.deepEqual(await b1.exited, { code: 0, signal: null });
    t.false((await addresses()).includes(vip));
    await until(async () => (await settings()) === before, { describe: 'the settings to be as they were' });
  },
);
