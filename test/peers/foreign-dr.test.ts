/** nginx and HAProxy as they are, on hosts that `headgate prepare-host` has prepared, behind a director that forwards packets. */
import { fileURLToPath } from 'node:url';
import { bpfAvailable } from '../../lib/linux/bpf/index.ts';
import { foreign, headgate, startCluster, type ClusterSpec, type Entry } from '../cluster.ts';
import { labBpffsRoot } from '../director/xdp/lab-balancers.ts';
import { createLab, probeLab } from '../lab/index.ts';
import { untilState, statusOf, viewsOf } from '../system/cluster-view.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { haproxyMissing, startHaproxy } from './haproxy.ts';
import { nginxStreamMissing, startNginxStream } from './nginx.ts';

const available = bpfAvailable();
const missing = haproxyMissing ?? nginxStreamMissing ?? (available.available ? probeLab() : available.reason);

const vip = '10.77.0.100';
const server = { host: '10.77.2.1', port: 7000 };
/** Says who connected, then echoes. */
const echo = `require('net').createServer((s) => {
  s.on('error', () => s.destroy());
  s.write(s.remoteAddress + '\\n');
  s.pipe(s);
}).listen(${server.port}, '${server.host}', () => console.log('listens'))`;

const balancer = (number: number, more: Entry = {}): Entry => ({
  host: `10.77.1.${number}`,
  heartbeat: foreign,
  ...more,
});

const first: ClusterSpec = {
  settings: { heartbeat: { interval: '200ms' }, flows: { capacity: 4_096, unconfirmed: 4_096 } },
  services: { chat: { listen: `${vip}:9000`, forwarding: 'dr' } },
  directors: { d1: { host: '10.77.0.1' } },
  balancers: { b1: balancer(1), b2: balancer(2) },
  chatservers: { c1: { address: `${server.host}:${server.port}`, heartbeat: foreign } },
};

testUnless(missing)(
  'nginx and HAProxy are balancers in dr mode: what is established stays when another one is added and one is drained',
  async (t) => {
    t.timeout(120_000);
    const root = labBpffsRoot(t);
    const lab = await createLab(t, {
      hosts: {
        client: ['10.77.0.10'],
        d1: ['10.77.0.1', vip],
        b1: ['10.77.1.1'],
        b2: ['10.77.1.2'],
        b3: ['10.77.1.3'],
        c1: [server.host],
      },
    });
    await (await lab.spawn('c1', [process.execPath, '-e', echo])).line(/listens/);
    const cluster = await startCluster(t, first, (name, argv, options) =>
      lab.spawn(name, argv, { ...options, env: { ...options.env, HEADGATE_BPFFS: root } }),
    );
    const prepare = (host: string) =>
      lab.exec(host, [...headgate, 'prepare-host', cluster.file, '--node', host], { env: cluster.env });
    const on = (host: string) => ({
      upstreams: [server],
      start: (argv: readonly string[]) => lab.spawn(host, argv),
    });
    const everywhere = { host: '0.0.0.0', port: 9000 };
    await Promise.all(['b1', 'b2'].map(prepare));
    await startNginxStream(t, everywhere, on('b1'));
    await startHaproxy(t, everywhere, on('b2'));
    for (const name of ['b1', 'b2']) await untilState(cluster, name, 'up');

    const script = fileURLToPath(new URL('../director/xdp/lab-clients.js', import.meta.url));
    const clients = await lab.spawn('client', [process.execPath, script]);
    const ask = async (line: string, answer: RegExp): Promise<string> => {
      const from = clients.nextLine;
      clients.write(line);
      return (await clients.line(answer, { from })).text;
    };
    const opened = await ask('open 30', /^opened/);
    t.regex(opened, /10\.77\.1\.1/);
    t.regex(opened, /10\.77\.1\.2/);
    t.is(await ask('talk', /^talked/), 'talked 30 ended 0');

    const wider = { ...first.balancers, b3: balancer(3) };
    await cluster.rewrite({ ...first, balancers: wider });
    await prepare('b3');
    await startNginxStream(t, everywhere, on('b3'));
    await untilState(cluster, 'b3', 'up');
    t.is(await ask('talk', /^talked/), 'talked 30 ended 0');
    t.regex(await ask('open 30', /^opened/), /10\.77\.1\.3/);

    await cluster.rewrite({ ...first, balancers: { ...wider, b2: balancer(2, { state: 'drain' }) } });
    await until(async () => viewsOf(await statusOf(cluster), 'b2').every(({ draining }) => draining), {
      describe: 'b2 to be drained',
    });
    t.notRegex(await ask('open 30', /^opened/), /10\.77\.1\.2/);
    t.is(await ask('talk', /^talked/), 'talked 90 ended 0');
  },
);
