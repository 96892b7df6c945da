/** The source of topologies against a real etcd. */
import { writeFile, chmod } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { parseEtcdAddress, EtcdClient, etcdAccess } from '../../../lib/etcd/index.ts';
import { etcdSource, type Topology, type TopologySource } from '../../../topology/index.ts';
import { makeCertificates, probeEtcd, startEtcd } from '../../etcd.ts';
import { addUsers } from '../../etcd-users.ts';
import { takeLoopbackBlock } from '../../loopback-block.ts';
import { testUnless } from '../../test-unless.ts';
import { until } from '../../until.ts';

const etcdTest = testUnless(probeEtcd());

function textOf(weight: number): string {
  return `version: 1
cluster: test
secret: { env: HEADGATE_SECRET }
hashKey: 000102030405060708090a0b0c0d0e0f
services: { chat: { listen: "127.50.0.1:9000" } }
directors: { d1: { host: 127.50.0.2 } }
balancers: { b1: { host: 127.50.1.1, weight: ${weight} } }
chatservers: { c1: { address: "127.50.2.1:7000" } }
`;
}

interface Seen {
  readonly weights: number[];
  readonly notes: (string | undefined)[];
  readonly problems: string[];
  readonly away: string[];
  back: number;
}

function follow(t: ExecutionContext, source: TopologySource, running?: Topology): Seen {
  const seen: Seen = { weights: [], notes: [], problems: [], away: [], back: 0 };
  const watch = source.watch(
    {
      onTopology(topology, _warnings, _text, note) {
        seen.weights.push(topology.balancers[0]!.weight);
        seen.notes.push(note);
      },
      onProblems: (problems) => void seen.problems.push(problems.map(({ code }) => code).join(' ')),
      onAway: ({ code }) => void seen.away.push(code),
      onBack: () => void seen.back++,
    },
    running && { running },
  );
  t.teardown(() => {
    watch.close();
    source.close();
  });
  return seen;
}

const key = '/headgate/chat';

etcdTest(
  'one member: swaps are compare-and-swap, watches tell, a restart and a compaction lose nothing',
  async (t) => {
    const etcd = await startEtcd(t, await takeLoopbackBlock(t));
    const address = `etcd://${etcd.hosts}${key}`;
    const source = etcdSource(address, {}, { checkMs: 60_000 });
    const { shared } = source;
    const empty = await source.read();
    t.is(empty.problem?.code, 'HEADGATE_ETCD_NO_KEY');
    const seen = follow(t, source);
    await until(() => seen.problems.length === 1, 'the empty key to be told');

    const first = await shared!.load();
    const version = await shared!.swap(textOf(1), 'note 1', first.version);
    await until(() => seen.weights.at(-1) === 1, 'the first topology');
    await t.throwsAsync(shared!.swap(textOf(9), 'note 9', first.version), { code: 'HEADGATE_ETCD_CHANGED' });
    t.is(await shared!.swap(textOf(1), 'note 1', first.version), version, 'the same again was ours already');
    const both = await Promise.allSettled(
      [2, 3].map((weight) => shared!.swap(textOf(weight), `note ${weight}`, version)),
    );
    t.deepEqual(
      both.map(({ status }) => status).toSorted(),
      ['fulfilled', 'rejected'],
      'of two at once one wins',
    );
    const won = both[0]?.status === 'fulfilled' ? 2 : 3;
    await until(() => seen.weights.at(-1) === won, 'the winner to be told');
    t.is(seen.notes.at(-1), `note ${won}`);

    await etcd.put(key, 'nonsense: [');
    await until(() => seen.problems.length === 2, 'the invalid text to be told');
    t.is(seen.problems[1], 'HEADGATE_TOPOLOGY_SYNTAX');
    await etcd.put(key, textOf(4));
    await until(() => seen.weights.at(-1) === 4, 'a change by other means');
    t.is(seen.notes.at(-1), undefined, 'it comes without the note of an earlier one');

    await etcd.kill(0);
    await until(() => seen.away.length === 1, 'its absence to be told');
    t.is(seen.away[0], 'HEADGATE_ETCD_UNREACHABLE');
    t.is((await source.read()).problem?.code, 'HEADGATE_ETCD_UNREACHABLE');
    await etcd.restart(0);
    await until(async () => etcd.put(key, textOf(5)).then(() => true), 'etcd to be back');
    await etcd.put(key, textOf(6));
    await etcd.compact();
    await until(() => seen.weights.at(-1) === 6, 'what changed meanwhile');
    t.is(seen.back, 1);

    // Straight to a revision that is gone.
    const client = new EtcdClient({ address: parseEtcdAddress(address), access: etcdAccess({}) });
    t.teardown(() => client.close());
    const compacted = await new Promise<boolean>((resolve) => {
      client.watch(key, 1n, {
        onEvents: () => undefined,
        onCompacted: () => resolve(true),
        onEnd: () => resolve(false),
      });
    });
    t.true(compacted);
  },
);

etcdTest('three members: readers and writers go on while one is killed and restarted', async (t) => {
  const etcd = await startEtcd(t, await takeLoopbackBlock(t), { members: 3 });
  const source = etcdSource(`etcd://${etcd.hosts}${key}`, {}, { checkMs: 500 });
  const { shared } = source;
  const seen = follow(t, source);
  let version = (await shared!.load()).version;
  let weight = 0;
  const swap = async (): Promise<void> => {
    weight++;
    version = await until(
      async () => shared!.swap(textOf(weight), `note ${weight}`, version),
      `swap ${weight}`,
    );
    await until(() => seen.weights.at(-1) === weight, `topology ${weight} to be told`);
  };
  await swap();
  // The watch stands at the first one.
  await etcd.kill(0);
  await swap();
  await etcd.restart(0);
  await swap();
  await etcd.kill(1);
  await swap();
  t.deepEqual([...new Set(seen.weights)], [1, 2, 3, 4]);
});

etcdTest('TLS with client certificates, a user with a password, and a token that is gone', async (t) => {
  const block = await takeLoopbackBlock(t);
  const folder = await makeCertificates(t, block.address(101));
  const etcd = await startEtcd(t, block, { certificates: folder });
  const place = (name: string): string => path.join(folder, name);
  const tls = {
    HEADGATE_ETCD_CA: place('ca.pem'),
    HEADGATE_ETCD_CERT: place('client.pem'),
    HEADGATE_ETCD_KEY: place('client.key'),
  };
  const address = `etcds://ann@${etcd.hosts}${key}`;
  const admin = new EtcdClient({
    address: parseEtcdAddress(address.replace('ann@', '')),
    access: etcdAccess(tls),
  });
  t.teardown(() => admin.close());
  await until(async () => admin.read([key]), 'etcd to answer over TLS');

  const problemWith = async (where: string, env: Readonly<Record<string, string>>): Promise<string> => {
    const source = etcdSource(where, env);
    const { problem } = await source.read();
    source.close();
    return `${problem?.code} ${problem?.message}`;
  };
  const plain = `etcds://${etcd.hosts}${key}`;
  t.regex(await problemWith(`etcd://${etcd.hosts}${key}`, {}), /^HEADGATE_ETCD_(PROTOCOL|TLS|UNREACHABLE) /);
  t.regex(await problemWith(plain, {}), /^HEADGATE_ETCD_TLS .*HEADGATE_ETCD_CA/, 'nobody vouches for it');
  t.regex(await problemWith(plain, { HEADGATE_ETCD_CA: place('other.pem') }), /^HEADGATE_ETCD_TLS /);
  t.regex(
    await problemWith(plain, { HEADGATE_ETCD_CA: place('ca.pem') }),
    /^HEADGATE_ETCD_(TLS|UNREACHABLE) /,
    'no certificate of ours',
  );
  t.regex(await problemWith(plain, { ...tls, HEADGATE_ETCD_KEY: '' }), /^HEADGATE_ETCD_CREDENTIALS /);
  await chmod(place('client.key'), 0o644);
  t.regex(await problemWith(plain, tls), /^HEADGATE_ETCD_CREDENTIALS .*chmod 600/);
  await chmod(place('client.key'), 0o600);

  await addUsers(etcd, folder, key);

  const password = place('password');
  await writeFile(password, 'annword\n', { mode: 0o600 });
  t.regex(await problemWith(plain, tls), /^HEADGATE_ETCD_AUTH /, 'no user');
  t.regex(await problemWith(address, tls), /^HEADGATE_ETCD_CREDENTIALS .*HEADGATE_ETCD_PASSWORD_FILE/);
  const wrong = await problemWith(address, { ...tls, HEADGATE_ETCD_PASSWORD: 'wrongword' });
  t.regex(wrong, /^HEADGATE_ETCD_AUTH /);
  t.notRegex(wrong, /wrongword/);
  t.regex(
    await problemWith(plain, { ...tls, HEADGATE_ETCD_USER: 'bob', HEADGATE_ETCD_PASSWORD: 'bobword' }),
    /^HEADGATE_ETCD_AUTH .*permission denied.*grant/,
  );

  const source = etcdSource(address, { ...tls, HEADGATE_ETCD_PASSWORD_FILE: password });
  const { shared } = source;
  const seen = follow(t, source);
  const { version } = await shared!.load();
  await shared!.swap(textOf(1), 'note', version);
  await until(() => seen.weights.at(-1) === 1, 'the topology');
  // Tokens live in the member's memory.
  await etcd.kill(0);
  await etcd.restart(0);
  const again = await until(async () => shared!.load(), 'a new token');
  await shared!.swap(textOf(2), 'note 2', again.version);
  await until(() => seen.weights.at(-1) === 2, 'the changed topology');
  t.is(seen.problems.filter((codes) => codes !== 'HEADGATE_ETCD_NO_KEY').length, 0);
});
