import { bpfAvailable } from '../../../lib/linux/bpf/index.ts';
import { createLab, probeLab } from '../../lab/index.ts';
import { testUnless } from '../../test-unless.ts';
import { labBpffs, labScript, labVip, prepareBalancer } from './lab-balancers.ts';

const available = bpfAvailable();
const labTest = testUnless(available.available ? probeLab() : available.reason);

labTest(
  'dr between hosts: connections spread, survive SIGKILL and restart of the director and a drained balancer, and end with RST only when theirs is dead',
  async (t) => {
    const directory = labBpffs(t);
    const lab = await createLab(t, {
      hosts: { client: ['10.77.0.10'], d1: ['10.77.0.1', labVip], b1: ['10.77.1.1'], b2: ['10.77.1.2'] },
    });
    const macs = JSON.stringify([await prepareBalancer(lab, 'b1'), await prepareBalancer(lab, 'b2')]);
    const director = (owners: readonly number[], dead: readonly number[] = []) => {
      const lists = [owners, dead].map((list) => JSON.stringify(list));
      return lab.spawn('d1', [...labScript('lab-director'), directory, macs, ...lists]);
    };
    const clients = await lab.spawn('client', labScript('lab-clients'));
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
