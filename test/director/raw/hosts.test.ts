import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { PlaneStats } from '../../../director/index.ts';
import { whyNotRaw } from '../../../director/raw/index.ts';
import { createLab, probeLab } from '../../lab/index.ts';
import type { Program } from '../../processes.ts';
import { testUnless } from '../../test-unless.ts';
import { until } from '../../until.ts';

const labTest = testUnless(whyNotRaw() ?? probeLab());
const script = (name: string) => [process.execPath, fileURLToPath(new URL(`${name}.js`, import.meta.url))];
/** Root without any capability but this one. */
const withNetRawOnly = ['setpriv', '--bounding-set', '-all,+net_raw', '--inh-caps', '-all'];

const networks = {
  4: {
    client: '10.77.0.10',
    director: '10.77.0.1',
    vip: '10.77.0.100',
    balancers: ['10.77.1.1', '10.77.1.2'],
  },
  6: { client: 'fd77::10', director: 'fd77::1', vip: 'fd77::100', balancers: ['fd77::1:1', 'fd77::1:2'] },
};

async function scene(t: ExecutionContext, family: 4 | 6) {
  const { client, director, vip, balancers } = networks[family];
  const lab = await createLab(t, {
    hosts: { client: [client], d1: [director, vip], b1: [balancers[0]!], b2: [balancers[1]!] },
  });
  for (const host of ['b1', 'b2']) {
    const server = await lab.spawn(host, [...script('lab-server'), host]);
    await server.line(/listening/);
  }
  const argv = [...withNetRawOnly, ...script('lab-director'), 'fullnat', vip, balancers.join(','), director];
  const plane = await lab.spawn('d1', argv);
  await plane.line(/ready/);
  const clients = await lab.spawn('client', [...script('lab-clients'), vip]);
  return { lab, plane, clients };
}

async function ask(program: Program, line: string, answer: RegExp): Promise<string> {
  const from = program.nextLine;
  program.write(line);
  return (await program.line(answer, { from })).text;
}

async function statsOf(plane: Program): Promise<PlaneStats> {
  return JSON.parse((await ask(plane, 'stats', /^stats/)).slice('stats '.length)) as PlaneStats;
}

for (const family of [4, 6] as const) {
  labTest(
    `fullnat over IPv${family} with CAP_NET_RAW alone: connections come from the director and carry bulk bytes both ways byte for byte`,
    async (t) => {
      const { plane, clients } = await scene(t, family);
      const opened = await ask(clients, 'open 6', /^opened/);
      const from = networks[family].director;
      const names = opened.replace('opened ', '').split(', ');
      t.is(names.filter((name) => name.endsWith(from)).length, 6, opened);
      t.is(
        names.every((name) => /^b[12] /.test(name)),
        true,
      );
      t.is(await ask(clients, 'bulk 500000', /^carried/), 'carried 6 of 6');
      const stats = await statsOf(plane);
      t.is(stats.services['chat']?.accepted, 6);
      t.true(stats.counters['resegmented']! > 0, 'super-packets came');
      t.is(stats.counters['dropChecksum'], 0);
      t.is(stats.counters['unsent'], 0);
      await until(async () => (await statsOf(plane)).total.connections === 0, 'the flows to have ended');
    },
  );
}

labTest(
  'fullnat: a drained balancer keeps its connections, idle clients of a dead one get RST, and nobody else notices',
  async (t) => {
    const { lab, plane, clients } = await scene(t, 4);
    const opened = await ask(clients, 'open 20', /^opened/);
    const bereft = opened.split(', ').filter((name) => name.replace('opened ', '').startsWith('b1')).length;
    t.true(bereft > 0 && bereft < 20);
    await ask(plane, 'drained b1', /^drained/);
    t.is(await ask(clients, 'talk', /^talked/), 'talked 20 of 20');
    const later = await ask(clients, 'open 10', /^opened/);
    t.notRegex(later, /b1/);

    await lab.cutOff('b1');
    await ask(plane, 'dead b1', /^dead/);
    const endings = () => clients.lines.map(({ text }) => text).filter((text) => text.startsWith('ended'));
    await until(() => endings().length === bereft, 'the clients of b1 to be told');
    t.deepEqual(endings(), Array<string>(bereft).fill('ended b1 ECONNRESET'));
    t.is(await ask(clients, 'talk', /^talked/), `talked ${30 - bereft} of ${30 - bereft}`);
    t.deepEqual((await statsOf(plane)).balancers['b2@10.77.1.2'], 30 - bereft);
  },
);

labTest('fullnat: a restarted director tells the clients it does not know, at their next word', async (t) => {
  const { lab, plane, clients } = await scene(t, 4);
  await ask(clients, 'open 5', /^opened/);
  plane.signal('SIGKILL');
  await plane.exited;
  const { director, vip, balancers } = networks[4];
  const again = await lab.spawn('d1', [
    ...script('lab-director'),
    'fullnat',
    vip,
    balancers.join(','),
    director,
  ]);
  await again.line(/ready/);
  t.is(await ask(clients, 'talk', /^talked/), 'talked 0 of 5');
  // What a client repeats because the machine is slow is answered too.
  t.true((await statsOf(again)).counters['resetStray']! >= 5);
  t.regex(await ask(clients, 'open 5', /^opened/), /b[12]/);
  t.is(await ask(clients, 'talk', /^talked/), 'talked 5 of 5');
});
