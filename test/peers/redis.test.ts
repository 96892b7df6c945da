import { formatEndpoint } from '../../lib/address/index.ts';
import { foreign, startCluster } from '../cluster.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { redisCli, redisMissing, startRedis, subscribe } from './redis.ts';

testUnless(redisMissing)(
  'redis works through both tiers: publish, subscribe, a long transaction',
  async (t) => {
    const block = await takeLoopbackBlock(t);
    const vip = { host: block.address(1), port: 6379 };
    const server = { host: block.address(31), port: 6379 };
    await startRedis(t, server);
    await startCluster(t, {
      services: { chat: { listen: formatEndpoint(vip) } },
      directors: { d1: { host: block.address(11) } },
      balancers: {
        b1: { host: block.address(21), workers: 1 },
        b2: { host: block.address(22), workers: 1 },
      },
      chatservers: {
        c1: { address: formatEndpoint(server), heartbeat: { ...foreign, send: 'PING\r\n', expect: '+PONG' } },
      },
    });
    await until(async () => (await redisCli(vip, ['ping'])) === 'PONG\n', {
      describe: 'redis to answer through both tiers',
    });

    const subscribers = await Promise.all([1, 2, 3].map(() => subscribe(t, vip, 'news')));
    const messages = Array.from({ length: 50 }, (_, index) => `message ${index}`);
    for (const message of messages) {
      // The answer is the number of subscribers that got it.
      t.is(await redisCli(vip, ['publish', 'news', message]), '3\n');
    }
    for (const subscriber of subscribers) {
      await subscriber.line(/^message 49$/);
      const got = subscriber.lines.filter(({ text }) => text.startsWith('message ')).map(({ text }) => text);
      t.deepEqual(got, messages, 'each once and in order');
    }

    const keys = Array.from({ length: 2_000 }, (_, index) => `key:${index}`);
    const transaction = ['multi', ...keys.map((key) => `set ${key} "value of ${key}"`), 'exec'];
    const answers = (await redisCli(vip, [], { input: `${transaction.join('\n')}\n` })).trimEnd().split('\n');
    t.is(answers.filter((answer) => answer === 'QUEUED').length, keys.length);
    t.is(answers.filter((answer) => answer === 'OK').length, keys.length + 1);
    const values = await redisCli(vip, ['mget', ...keys]);
    t.is(values, keys.map((key) => `value of ${key}\n`).join(''));

    const large = 'every byte counts '.repeat(500_000);
    t.is(await redisCli(vip, ['-x', 'set', 'large'], { input: large }), 'OK\n');
    t.true((await redisCli(vip, ['get', 'large'])) === `${large}\n`, 'nine megabytes come back as they went');
  },
);
