import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { createLab, probeLab, type Lab } from '../lab/index.ts';
import { runProgram, type Output } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { testUnless } from '../test-unless.ts';

const labTest = testUnless(probeLab());
const headgate = [process.execPath, fileURLToPath(new URL('../../../bin/headgate.js', import.meta.url))];

const topology = `version: 1
cluster: chat
secret: { env: HEADGATE_TEST_SECRET }
services:
  chat: { listen: 203.0.113.10:9000 }
directors:
  d1: { host: 10.77.0.1 }
balancers:
  b1: { host: 10.77.1.1 }
chatservers:
  c1: { address: 10.77.2.1:7000 }
`;

interface World {
  readonly lab: Lab;
  readonly file: string;
  readonly state: () => Promise<string>;
  readonly run: (args: readonly string[], before?: readonly string[]) => Promise<Output>;
}

async function world(t: ExecutionContext): Promise<World> {
  const lab = await createLab(t, { hosts: { b1: ['10.77.1.1'] } });
  const folder = await temporaryFolder(t, { 'topology.yaml': topology });
  return {
    lab,
    file: join(folder, 'topology.yaml'),
    state: async () => {
      // A link-local address becomes usable when it likes.
      const settings = 'grep -r "" /proc/sys/net/ipv4/conf; ip -o address | grep -v fe80:';
      return (await lab.exec('b1', ['sh', '-c', settings])).stdout;
    },
    run: (args, before = []) =>
      lab.exec('b1', [...before, ...headgate, 'prepare-host', ...args], {
        env: { HEADGATE_RUNTIME_DIR: join(folder, 'run') },
      }),
  };
}

labTest('a host is prepared by its topology, twice without harm, and undone to what it was', async (t) => {
  const { file, state, run } = await world(t);
  const before = await state();
  const steps = ['arp_ignore from 0 to 1', 'arp_announce from 0 to 2'].map(
    (step) => `set net.ipv4.conf.eth0.${step}`,
  );
  const dry = await run([file, '--dry-run']);
  t.deepEqual(dry.stdout.trim().split('\n'), [...steps, 'add 203.0.113.10/32 to lo']);
  t.is(await state(), before);

  const first = await run(['--topology', file, '--node', 'b1']);
  t.is(first.code, 0, first.stderr);
  t.deepEqual(first.stdout.trim().split('\n'), [...steps, 'added 203.0.113.10/32 to lo']);
  const second = await run([file]);
  t.is(second.stdout.trim(), 'b1: nothing to do');

  const wouldUndo = await run([file, '--undo', '--dry-run']);
  const undone = await run([file, '--undo']);
  t.is(wouldUndo.stdout, undone.stdout);
  t.deepEqual(undone.stdout.trim().split('\n'), [
    'removed 203.0.113.10/32 from lo',
    'set net.ipv4.conf.eth0.arp_announce back to 0',
    'set net.ipv4.conf.eth0.arp_ignore back to 0',
  ]);
  t.is(await state(), before);
  t.is((await run([file, '--undo'])).stdout.trim(), 'b1: nothing to undo');
});

labTest('without privileges one line says what is missing, and the host is as it was', async (t) => {
  const { file, state, run } = await world(t);
  const before = await state();
  const powerless = ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'];
  const { code, stderr } = await run([file], powerless);
  t.is(code, 1);
  t.regex(stderr, /^[^\n]*203\.0\.113\.10\/32[^\n]*EPERM[^\n]*run as root or grant CAP_NET_ADMIN\n$/);
  t.is(await state(), before);
});

test('where no service has forwarding: dr or tun that is all that is said, on any host', async (t) => {
  const folder = await temporaryFolder(t, {
    'topology.yaml': topology
      .replace('203.0.113.10:9000', '203.0.113.10:9000, forwarding: proxy')
      .replace('10.77.1.1', '127.0.1.1'),
  });
  for (const options of [['--dry-run'], []]) {
    const argv = [...headgate, 'prepare-host', join(folder, 'topology.yaml'), '--node', 'b1', ...options];
    const { code, stdout, stderr } = await runProgram(argv, {
      env: { HEADGATE_RUNTIME_DIR: join(folder, 'run') },
    });
    t.is(code, 0, stderr);
    t.is(stdout, 'b1: no service of it has forwarding: dr or tun\n');
  }
});
