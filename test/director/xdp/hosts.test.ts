import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { bpfAvailable, mountBpffs, unmountBpffs } from '../../../lib/linux/bpf/index.ts';
import { createLab, probeLab, type Lab } from '../../lab/index.ts';
import { ownNamespaces, temporaryDirectory } from '../../lib/linux/bpf/own-namespaces.ts';
import { testUnless } from '../../test-unless.ts';

const available = bpfAvailable();
const labTest = testUnless(available.available ? probeLab() : available.reason);

const script = (name: string) => [process.execPath, fileURLToPath(new URL(`${name}.js`, import.meta.url))];
const vip = '10.77.0.100';

/** A bpf file system that all hosts see; pins live as long as it. */
function bpffs(t: ExecutionContext): string {
  const answer = ownNamespaces();
  if (!answer.available) throw new Error(answer.reason);
  const root = temporaryDirectory();
  mountBpffs(root);
  t.teardown(() => {
    unmountBpffs(root);
    rmSync(dirname(root), { recursive: true });
  });
  return join(root, 'd1');
}

/** A balancer as dr wants it: owns the VIP without telling anybody. */
async function prepareBalancer(lab: Lab, host: string): Promise<string> {
  await lab.sysctl(host, 'net.ipv4.conf.all.arp_ignore', '1');
  await lab.sysctl(host, 'net.ipv4.conf.all.arp_announce', '2');
  await lab.exec(host, ['ip', 'address', 'add', `${vip}/32`, 'dev', 'lo']);
  const server = await lab.spawn(host, [...script('lab-server'), host]);
  await server.line(/listening/);
  return (await lab.exec(host, ['cat', '/sys/class/net/eth0/address'])).stdout.trim();
}

labTest(
  'dr between hosts: connections spread, survive SIGKILL and restart of the director and a drained balancer, and end with RST only when theirs is dead',
  async (t) => {
    const directory = bpffs(t);
    const lab = await createLab(t, {
      hosts: { client: ['10.77.0.10'], d1: ['10.77.0.1', vip], b1: ['10.77.1.1'], b2: ['10.77.1.2'] },
    });
    const macs = JSON.stringify([await prepareBalancer(lab, 'b1'), await prepareBalancer(lab, 'b2')]);
    const director = (owners: readonly number[], dead: readonly number[] = []) => {
      const lists = [owners, dead].map((list) => JSON.stringify(list));
      return lab.spawn('d1', [...script('lab-director'), directory, macs, ...lists]);
    };
    const clients = await lab.spawn('client', script('lab-clients'));
    const ask = async (line: string, answer: RegExp): Promise<string> => {
      const from = clients.nextLine;
      clients.write(line);
      return (await clients.line(answer, { from })).text;
    };

    const first = await director([1, 2]);
    t.is((await first.line(/made|adopted/)).text, 'made');
    const opened = await ask('open 40', /^opened/);
    t.regex(opened, /b1/);
    t.regex(opened, /b2/);
    t.is(await ask('talk', /^talked/), 'talked 40 ended 0');

    first.signal('SIGKILL');
    await first.exited;
    t.is(await ask('talk', /^talked/), 'talked 40 ended 0');
    const unattended = await ask('open 10', /^opened/);
    t.is(unattended.split(' ').length, 11);

    // Its table has no slot for b1 any more: what b1 has stays there.
    const second = await director([2]);
    t.is((await second.line(/made|adopted/)).text, 'adopted');
    t.is(await ask('talk', /^talked/), 'talked 50 ended 0');
    t.is(await ask('open 10', /^opened/), `opened${' b2'.repeat(10)}`);
    t.is(await ask('talk', /^talked/), 'talked 60 ended 0');

    // b1 is declared dead: its clients, and only they, hear RST at their next word.
    second.signal('SIGKILL');
    await second.exited;
    const third = await director([2], [1]);
    t.is((await third.line(/made|adopted/)).text, 'adopted');
    const bereaved = `${opened} ${unattended}`.split(' ').filter((name) => name === 'b1').length;
    t.is(await ask('talk', /^talked/), `talked ${60 - bereaved} ended ${bereaved}`);
  },
);
