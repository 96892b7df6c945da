import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { formatEndpoint } from '../../lib/address/index.ts';
import { foreign, startCluster } from '../cluster.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { outputOf } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { nginxMissing, startNginxWeb } from './nginx.ts';

const mebibyte = 1_048_576;

testUnless(nginxMissing)('curls fetch a 200 MiB file from nginx side by side, byte for byte', async (t) => {
  t.timeout(120_000);
  const block = await takeLoopbackBlock(t);
  const vip = { host: block.address(1), port: 8080 };
  const servers = [31, 32].map((last) => ({ host: block.address(last), port: 8080 }));
  const root = await temporaryFolder(t, { small: 'it works' });
  const expected = await writeLargeFile(path.join(root, 'large'), 200);
  for (const server of servers) await startNginxWeb(t, server, { root });
  await startCluster(t, {
    services: { chat: { listen: formatEndpoint(vip) } },
    directors: { d1: { host: block.address(11) } },
    balancers: {
      b1: { host: block.address(21), workers: 1 },
      b2: { host: block.address(22), workers: 1 },
    },
    chatservers: {
      c1: { address: formatEndpoint(servers[0]!), heartbeat: foreign },
      c2: { address: formatEndpoint(servers[1]!), heartbeat: foreign },
    },
  });
  const url = `http://${formatEndpoint(vip)}`;
  await until(() => outputOf(['curl', '-sSf', `${url}/small`]), { describe: 'nginx to answer' });

  const fetch = `set -o pipefail; curl -sSf ${url}/large | sha256sum`;
  const sums = await Promise.all(
    [1, 2, 3].map(() => outputOf(['bash', '-c', fetch], { timeoutMs: 110_000 })),
  );
  t.deepEqual(
    sums.map((sum) => sum.split(' ')[0]),
    [expected, expected, expected],
  );
});

for (const version of ['v1', 'v2'] as const) {
  testUnless(nginxMissing)(
    `nginx learns the client’s own address from PROXY protocol ${version}`,
    async (t) => {
      const block = await takeLoopbackBlock(t);
      const vip = { host: block.address(1), port: 8080 };
      const server = { host: block.address(31), port: 8080 };
      const root = await temporaryFolder(t, { small: 'it works' });
      const nginx = await startNginxWeb(t, server, { root, proxyProtocol: true });
      await startCluster(t, {
        services: { chat: { listen: formatEndpoint(vip), proxyProtocol: { send: version } } },
        directors: { d1: { host: block.address(11) } },
        balancers: { b1: { host: block.address(21), workers: 1 } },
        chatservers: { c1: { address: formatEndpoint(server), heartbeat: foreign } },
      });
      const url = `http://${formatEndpoint(vip)}/small`;
      const client = block.address(77);
      const clientPort = await until(
        () =>
          outputOf(['curl', '-sSf', '--interface', client, '-o', '/dev/null', '-w', '%{local_port}', url]),
        { describe: 'nginx to answer' },
      );
      const seen = await until(async () => (await nginx.records())[0], {
        describe: 'nginx to log the access',
      });
      t.is(seen, `${client} ${clientPort} ${vip.host} ${vip.port} /small`);
    },
  );
}

/** Writes bytes that never repeat, fast, and resolves with their SHA-256. */
async function writeLargeFile(file: string, mebibytes: number): Promise<string> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  const zeros = Buffer.alloc(mebibyte);
  const chunks = Readable.from(
    (function* generate() {
      for (let index = 0; index < mebibytes; index++) yield cipher.update(zeros);
    })(),
  );
  await pipeline(chunks, createWriteStream(file));
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
