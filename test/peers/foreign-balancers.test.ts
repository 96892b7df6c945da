import { formatEndpoint } from '../../lib/address/index.ts';
import { foreign, startCluster } from '../cluster.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { outputOf } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { haproxyMissing, startHaproxy } from './haproxy.ts';
import { nginxMissing, nginxStreamMissing, startNginxStream, startNginxWeb } from './nginx.ts';

const missing = haproxyMissing ?? nginxMissing ?? nginxStreamMissing;

testUnless(missing)(
  'HAProxy and nginx stand in for the balancers, and one takes over from the other',
  async (t) => {
    const block = await takeLoopbackBlock(t);
    const vip = { host: block.address(1), port: 8080 };
    const server = { host: block.address(31), port: 8080 };
    const haproxyAt = { host: block.address(21), port: 8080 };
    const nginxAt = { host: block.address(22), port: 8080 };
    await startNginxWeb(t, server, { root: await temporaryFolder(t, { small: 'it works' }) });
    const haproxy = await startHaproxy(t, haproxyAt, { upstreams: [server], acceptProxy: true });
    const nginx = await startNginxStream(t, nginxAt, { upstreams: [server], acceptProxy: true });
    await startCluster(t, {
      services: { chat: { listen: formatEndpoint(vip) } },
      directors: { d1: { host: block.address(11) } },
      balancers: {
        b1: { host: haproxyAt.host, heartbeat: foreign },
        b2: { host: nginxAt.host, heartbeat: foreign },
      },
      chatservers: { c1: { address: formatEndpoint(server), heartbeat: foreign } },
    });

    const url = `http://${formatEndpoint(vip)}/small`;
    const fetch = async (...options: string[]): Promise<boolean> => {
      return (await outputOf(['curl', '-sSf', ...options, url])) === 'it works';
    };
    const servedBy = (client: string): Promise<'b1' | 'b2'> => {
      const find = async (): Promise<'b1' | 'b2' | undefined> => {
        if (haproxy.lines.some((line) => line.text.startsWith(`${client} `))) return 'b1';
        return (await nginx.records()).some((record) => record.startsWith(`${client} `)) ? 'b2' : undefined;
      };
      return until(find, { describe: `a record of ${client}` });
    };
    await until(() => fetch(), { describe: 'the web server to answer through a foreign balancer' });

    // The director's hash spreads clients over both; each records the client's own address out of the PROXY header.
    const seen = new Set<string>();
    for (let last = 40; last < 140 && seen.size < 2; last++) {
      const client = block.address(last);
      await until(() => fetch('--interface', client), { describe: `an answer to ${client}` });
      seen.add(await servedBy(client));
    }
    t.deepEqual([...seen].sort(), ['b1', 'b2']);

    haproxy.signal('SIGKILL');
    await haproxy.exited;
    let inARow = 0;
    const takenOver = async (): Promise<boolean> => {
      const answered = inARow;
      inARow = 0;
      await fetch();
      inARow = answered + 1;
      // By chance alone, half of them would have gone to the dead one.
      return inARow === 20;
    };
    await until(takenOver, { describe: 'twenty answers in a row from nginx' });
    const client = block.address(200);
    await fetch('--interface', client);
    t.is(await servedBy(client), 'b2');
  },
);
