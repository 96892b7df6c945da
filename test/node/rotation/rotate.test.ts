/** Rotations over real control channels: every node has its own key file, as on hosts of their own. */
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../lib/clock/index.ts';
import { connectControl, createControlServer, type ControlConnection } from '../../../lib/control/index.ts';
import { connectWith, rotateSecret, type RotateOptions } from '../../../node/index.ts';
import type { NodeAddress } from '../../../node/index.ts';
import { openKeys, type KeyKeeper } from '../../../node/rotation/keeper.ts';
import { keyId } from '../../../node/rotation/keys.ts';
import { newSecretText, readSecrets, writeSecrets } from '../../../topology/index.ts';
import { memoryLog, type LogLine } from '../../lib/control/helpers.ts';
import { takeLoopbackBlock } from '../../loopback-block.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { until } from '../../until.ts';

interface Node {
  readonly address: NodeAddress;
  readonly file: string;
  readonly lines: readonly LogLine[];
  readonly keeper: KeyKeeper;
  stop(): Promise<void>;
}

interface Keepers {
  readonly nodes: Map<string, Node>;
  readonly first: string;
  /** Rotates as the command does, from a host of its own. */
  rotate(options?: Partial<RotateOptions>): Promise<string>;
  start(name: string): Promise<Node>;
  /** Connections between nodes that failed so far. */
  readonly failures: string[];
  /** Connections made from one node to another so far. */
  made(from: string, to: string): number;
  /** Text of the key file of the host that rotates. */
  readonly own: () => Promise<string>;
}

const names = ['b1', 'b2', 'd1'];

async function start(t: ExecutionContext): Promise<Keepers> {
  const block = await takeLoopbackBlock(t);
  const folder = await temporaryFolder(t);
  const text = newSecretText();
  const home = path.join(folder, 'admin.key');
  await writeFile(home, text, { mode: 0o600 });
  const nodes = new Map<string, Node>();
  const addresses = names.map((node, index): NodeAddress => ({
    node,
    tier: node.startsWith('d') ? 'director' : 'balancer',
    control: { host: block.address(index + 1), port: 7400 },
    speaksControl: true,
  }));
  const begin = async (name: string): Promise<Node> => {
    const file = path.join(folder, name, 'cluster.key');
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text, { mode: 0o600, flag: 'wx' }).catch(() => undefined);
    const { log, lines } = memoryLog();
    const keeper = await openKeys({ source: { file }, env: {}, clock: systemClock, log });
    const server = createControlServer({ key: keeper.ring, cluster: 'test', node: name, log });
    keeper.start(server);
    const address = addresses.find(({ node }) => node === name)!;
    await server.listen(address.control);
    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      await (stopped ??= (async () => {
        nodes.delete(name);
        await server.close();
        await keeper.close();
      })());
    };
    t.teardown(stop);
    const node = { address, file, lines, keeper, stop };
    nodes.set(name, node);
    return node;
  };
  await Promise.all(names.map(begin));

  // Every node keeps making connections to every other, as heartbeats do.
  const failures: string[] = [];
  const made = new Map<string, number>();
  let over = false;
  const beat = async (from: string, to: string): Promise<void> => {
    while (!over) {
      const [one, other] = [nodes.get(from), nodes.get(to)];
      if (one !== undefined && other !== undefined) {
        const { ring } = one.keeper;
        try {
          const connection = await connectControl({
            endpoint: other.address.control,
            key: ring,
            cluster: 'test',
            node: from,
            timeoutMs: 5_000,
          });
          await connection.request('ping', null, 5_000);
          connection.close();
          made.set(`${from} ${to}`, (made.get(`${from} ${to}`) ?? 0) + 1);
        } catch (error) {
          const { code, message } = error as { code?: string; message: string };
          // A connection whose key was dropped in the moment it was made is made again.
          if (nodes.get(from) === one && nodes.get(to) === other && code !== 'HEADGATE_CONTROL_CLOSED')
            failures.push(`${from} to ${to}: ${message}`);
        }
      }
      await new Promise((resolve) => void setTimeout(resolve, 40));
    }
  };
  const beats = Promise.all(
    names.flatMap((from) => names.filter((to) => to !== from).map((to) => beat(from, to))),
  );
  t.teardown(async () => {
    over = true;
    await beats;
  });

  return {
    nodes,
    first: keyId(Buffer.from(text.trim(), 'hex')),
    failures,
    made: (from, to) => made.get(`${from} ${to}`) ?? 0,
    start: begin,
    own: () => readFile(home, 'utf8'),
    rotate: async (options = {}) =>
      rotateSecret({
        nodes: addresses,
        own: await readSecrets({ file: home }, {}),
        save: (secrets) => writeSecrets(home, secrets),
        connect: (key) => connectWith({ key, cluster: 'test', by: 'ann' }),
        newSecret: () => Buffer.from(newSecretText().trim(), 'hex'),
        skip: new Set(),
        onEvent: () => undefined,
        signal: new AbortController().signal,
        ...options,
      }),
  };
}

async function untilAllHold(t: ExecutionContext, { nodes, own }: Keepers, id: string): Promise<void> {
  for (const { file, keeper, address } of nodes.values()) {
    t.like(keeper.status(), { presented: id, next: '', previous: '', problem: '' }, address.node);
    t.is(await readFile(file, 'utf8'), await own(), `the key file of ${address.node}`);
    t.is((await stat(file)).mode & 0o777, 0o600);
  }
  t.regex(await own(), /^[0-9a-f]{64}\n$/);
}

test.serial(
  'a rotation leaves one new secret everywhere, no connection between nodes fails, and old ones are closed',
  async (t) => {
    const keepers = await start(t);
    const b1 = keepers.nodes.get('b1')!;
    const held: ControlConnection = await connectControl({
      endpoint: b1.address.control,
      key: (await readSecretsKey(keepers)).presented,
      cluster: 'test',
      node: 'old',
      timeoutMs: 5_000,
    });
    t.teardown(() => held.close());
    const ended = new Promise<string>((resolve) => held.onClose(resolve));
    const oldKey = (await readSecretsKey(keepers)).presented;
    const id = await keepers.rotate();
    t.not(id, keepers.first);
    await untilAllHold(t, keepers, id);
    t.is(await ended, 'ended');
    await t.throwsAsync(
      connectControl({
        endpoint: b1.address.control,
        key: oldKey,
        cluster: 'test',
        node: 'old',
        timeoutMs: 5_000,
      }),
      { code: 'HEADGATE_CONTROL_KEY_MISMATCH' },
    );
    t.not(await keepers.rotate(), id, 'and again');
    t.deepEqual(keepers.failures, []);
  },
);

async function readSecretsKey(keepers: Keepers) {
  const { ControlKey } = await import('../../../lib/control/index.ts');
  return ControlKey.fromSecret(Buffer.from((await keepers.own()).trim(), 'hex'));
}

test.serial('interrupted after any step, it goes on from there', async (t) => {
  const keepers = await start(t);
  for (let stop = 1; stop <= 3 * names.length; stop++) {
    let count = 0;
    let before = '';
    const error = await t.throwsAsync(
      keepers.rotate({
        onEvent: (event) => {
          if (event.kind === 'begins') before = event.id;
          if (event.kind === 'step' && ++count === stop) throw new Error('killed');
        },
      }),
    );
    t.is(error?.message, 'killed');
    const id = await keepers.rotate({
      onEvent: ({ kind }) => {
        // After the very last step there is nothing left to go on with: the file here shows it.
        t.not(kind, 'begins');
      },
    });
    t.is(id, before);
    await untilAllHold(t, keepers, id);
  }
  t.deepEqual(keepers.failures, []);
});

test.serial(
  'interrupted before anything is sent, the secret that was kept is the one that comes',
  async (t) => {
    const keepers = await start(t);
    await t.throwsAsync(
      keepers.rotate({
        onEvent: (event) => {
          if (event.kind === 'step') throw new Error('killed');
        },
        signal: AbortSignal.abort(new Error('killed')),
      }),
    );
    const text = await keepers.own();
    t.regex(text, /^[0-9a-f]{64}\nnext [0-9a-f]{64}\n$/);
    const id = await keepers.rotate();
    t.is(id, keyId(Buffer.from(text.slice(70, 134), 'hex')));
    await untilAllHold(t, keepers, id);
  },
);

test.serial(
  'a node that was away is still accepted when it returns, and the same command brings it along',
  async (t) => {
    const keepers = await start(t);
    await keepers.nodes.get('b2')!.stop();
    await t.throwsAsync(keepers.rotate(), { code: 'HEADGATE_ROTATION_WAITS', message: /b2/ });
    for (const { keeper } of keepers.nodes.values()) t.is(keeper.status().previous, keepers.first);
    const back = await keepers.start('b2');
    t.is(back.keeper.status().presented, keepers.first);
    // Both ways, with only the old key on one side.
    const [there, backwards] = [keepers.made('b1', 'b2'), keepers.made('b2', 'b1')];
    await until(
      () => keepers.made('b1', 'b2') > there && keepers.made('b2', 'b1') > backwards,
      'b1 and b2 to reach each other',
    );
    const id = await keepers.rotate();
    await untilAllHold(t, keepers, id);
    t.deepEqual(keepers.failures, []);
  },
);

test.serial('a node that is left out is told the ids and the cure when it returns', async (t) => {
  const keepers = await start(t);
  await keepers.nodes.get('b2')!.stop();
  const id = await keepers.rotate({ skip: new Set(['b2']) });
  const back = await keepers.start('b2');
  await until(
    () => back.lines.some(({ msg }) => /our key id is .* copy the same key file/.test(msg)),
    'b2 to say what to do',
  );
  await back.stop();
  await rm(back.file);
  await writeFile(back.file, await keepers.own(), { mode: 0o600 });
  await keepers.start('b2');
  await untilAllHold(t, keepers, id);
});

test.serial(
  'a node that cannot write its key file stops the change before anybody presents the new secret',
  async (t) => {
    const keepers = await start(t);
    const { file } = keepers.nodes.get('b2')!;
    await chmod(file, 0o644);
    await t.throwsAsync(keepers.rotate(), { code: 'HEADGATE_ROTATION_STEP', message: /b2/ });
    for (const { keeper } of keepers.nodes.values()) t.is(keeper.status().presented, keepers.first);
    await chmod(file, 0o600);
    await untilAllHold(t, keepers, await keepers.rotate());
  },
);

test.serial(
  'of two changes at once one is told, also from a host that does not know the new secret',
  async (t) => {
    const keepers = await start(t);
    const stale = await readSecretsOwn(keepers);
    let id = '';
    await t.throwsAsync(
      keepers.rotate({
        onEvent: (event) => {
          if (event.kind === 'begins') ({ id } = event);
          if (event.kind === 'step') throw new Error('killed');
        },
      }),
    );
    await t.throwsAsync(keepers.rotate({ own: stale, save: async () => Promise.resolve() }), {
      code: 'HEADGATE_ROTATION_ELSEWHERE',
      message: new RegExp(id),
    });
    t.is(await keepers.rotate(), id);
  },
);

test.serial('a node that does not run has taken no step, whoever answers at its control port', async (t) => {
  const keepers = await start(t);
  const [b1] = [...keepers.nodes.values()].map(({ address }) => address);
  const away: string[] = [];
  await t.throwsAsync(
    keepers.rotate({
      nodes: [b1!, { ...b1!, node: 'b9' }],
      onEvent: (event) => event.kind === 'away' && away.push(`${event.node}: ${event.why}`),
    }),
    { code: 'HEADGATE_ROTATION_WAITS', message: /b9 did not answer/ },
  );
  t.regex(away.join(), new RegExp(`^b9: ${b1!.node} answers at \\S+:7400 instead of b9; start b9`));
});

async function readSecretsOwn(keepers: Keepers) {
  return { presented: Buffer.from((await keepers.own()).trim(), 'hex') };
}

test.serial(
  'a key file changed by hand is taken when it has a key in common, and else told with the cure',
  async (t) => {
    const keepers = await start(t);
    const { file, keeper, lines } = keepers.nodes.get('b1')!;
    const fresh = newSecretText();
    await writeFile(file, `${(await keepers.own()).trim()} next ${fresh}`);
    await until(() => keeper.status().next !== '', 'the second key to be taken');
    await writeFile(file, newSecretText());
    await until(() => keeper.status().problem !== '', 'the strange key to be told');
    t.regex(keeper.status().problem, /rotate-secret/);
    t.is(keeper.status().presented, keepers.first);
    t.false(
      lines.some(({ msg }) => msg.includes(fresh.trim())),
      'no log line has a secret',
    );
  },
);

test.serial(
  'a secret in an environment variable is read in the same form, and refused with the way to change it',
  async (t) => {
    const { log } = memoryLog();
    const [one, two] = [newSecretText().trim(), newSecretText().trim()];
    const keeper = await openKeys({
      source: { env: 'S' },
      env: { S: `${one},next,${two}` },
      clock: systemClock,
      log,
    });
    t.is(keeper.ring.accepted.length, 2);
    await t.throwsAsync(keeper.step({ step: 'accept', id: '00000000', secret: undefined }), {
      code: 'HEADGATE_ROTATION_ENV',
    });
  },
);
