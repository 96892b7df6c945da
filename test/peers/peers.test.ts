// The peers among themselves, without headgate: when these fail, the tests of both tiers prove nothing.
import { createHash, randomBytes } from 'node:crypto';
import test from 'ava';
import { formatEndpoint } from '../../lib/address/index.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { outputOf } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { findCommand, probeCommands } from './command.ts';
import { haproxyMissing, startHaproxy } from './haproxy.ts';
import { ircMissing, startNgircd, startSic } from './irc.ts';
import { nginxMissing, nginxStreamMissing, startNginxStream, startNginxWeb } from './nginx.ts';
import { redisCli, redisMissing, startRedis, subscribe } from './redis.ts';

test('a command that is missing is named with its cure', (t) => {
  t.is(probeCommands('sh', '/etc/passwd'), undefined);
  t.is(
    probeCommands('sh', 'no-such-command', '/no/such/module.so'),
    'no no-such-command, /no/such/module.so: npm run test:deps installs it',
  );
  t.is(findCommand('no-such-command'), undefined);
});

testUnless(ircMissing)('two people talk in a channel of ngircd', async (t) => {
  const at = { host: (await takeLoopbackBlock(t)).address(1), port: 6667 };
  await startNgircd(t, at);
  const [ann, bob] = await Promise.all([startSic(t, at, 'ann'), startSic(t, at, 'bob')]);
  await ann.join('#lab');
  await bob.join('#lab');
  ann.say('hello bob');
  await bob.sees('ann', 'hello bob');
  bob.say('hello ann');
  await ann.sees('bob', 'hello ann');
  t.pass();
});

testUnless(redisMissing)('redis delivers what is published', async (t) => {
  const at = { host: (await takeLoopbackBlock(t)).address(1), port: 6379 };
  await startRedis(t, at);
  const subscriber = await subscribe(t, at, 'news');
  t.is(await redisCli(at, ['publish', 'news', 'it works']), '1\n');
  await subscriber.line(/^it works$/);
});

testUnless(nginxMissing)('nginx serves a file to curl and logs who the PROXY header names', async (t) => {
  const block = await takeLoopbackBlock(t);
  const at = { host: block.address(1), port: 8080 };
  const content = randomBytes(1_000_000);
  const root = await temporaryFolder(t, { file: content.toString('hex') });
  const nginx = await startNginxWeb(t, at, { root, proxyProtocol: true });
  const url = `http://${at.host}:${at.port}/file`;
  const got = await outputOf(['curl', '-sSf', '--haproxy-protocol', url]);
  t.is(sha256(got), sha256(content.toString('hex')));
  const [record] = await until(async () => nonEmpty(await nginx.records()), { describe: 'a record' });
  t.regex(record!, new RegExp(`^127\\.\\S+ \\d+ ${at.host} 8080 /file$`));
});

testUnless(redisMissing ?? nginxStreamMissing)('nginx balances TCP connections', async (t) => {
  const block = await takeLoopbackBlock(t);
  const redis = { host: block.address(1), port: 6379 };
  const balancer = { host: block.address(2), port: 6379 };
  await startRedis(t, redis);
  const nginx = await startNginxStream(t, balancer, { upstreams: [redis] });
  t.is(await redisCli(balancer, ['ping']), 'PONG\n');
  const [record] = await until(async () => nonEmpty(await nginx.records()), { describe: 'a record' });
  t.is(record, `- - ${formatEndpoint(redis)}`);
});

testUnless(redisMissing ?? haproxyMissing)('HAProxy balances TCP connections and logs each', async (t) => {
  const block = await takeLoopbackBlock(t);
  const redis = { host: block.address(1), port: 6379 };
  const balancer = { host: block.address(2), port: 6379 };
  await startRedis(t, redis);
  const haproxy = await startHaproxy(t, balancer, { upstreams: [redis] });
  t.is(await redisCli(balancer, ['ping']), 'PONG\n');
  await haproxy.line(/^127\.\S+ \d+ c1$/);
});

function nonEmpty<Item>(items: readonly Item[]): readonly Item[] | false {
  return items.length > 0 && items;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
