import type { ExecutionContext } from 'ava';
import { bpfAvailable, tcxAvailable } from '../../../lib/linux/bpf/index.ts';
import type { Program } from '../../processes.ts';
import { createLab, probeLab, type Lab } from '../../lab/index.ts';
import { testUnless } from '../../test-unless.ts';
import { labBpffs, labScript, labVip, prepareBalancer } from './lab-balancers.ts';

const available = [bpfAvailable(), tcxAvailable()].find((answer) => !answer.available);
const labTest = testUnless(available?.available === false ? available.reason : probeLab());

interface Counts {
  readonly plane: Readonly<Record<string, number>>;
  readonly service: Readonly<Record<string, number>>;
}

async function ask(program: Program, line: string, answer: RegExp): Promise<string> {
  const from = program.nextLine;
  program.write(line);
  return (await program.line(answer, { from })).text;
}

/** A director on d1 in this form and mode, with its client's view of it. */
interface Scene {
  readonly lab: Lab;
  readonly client: Program;
  readonly director: (owners: readonly number[], dead?: readonly number[]) => Promise<Program>;
}

async function scene(
  t: ExecutionContext,
  mode: string,
  clientAddress: string,
  offload: string,
): Promise<Scene> {
  const directory = labBpffs(t);
  const lab = await createLab(t, {
    hosts: { client: [clientAddress], d1: ['10.77.0.1', labVip], b1: ['10.77.1.1'] },
  });
  const macs = JSON.stringify([await prepareBalancer(lab, 'b1')]);
  return {
    lab,
    client: await lab.spawn('client', [...labScript('lab-bulk'), clientAddress]),
    director: async (owners, dead = []) => {
      const lists = [owners, dead].map((list) => JSON.stringify(list));
      const argv = [...labScript('lab-director'), directory, macs, ...lists, 'tcx', mode, offload];
      const director = await lab.spawn('d1', argv);
      await director.line(/made|adopted/);
      return director;
    },
  };
}

/** What came in more than one segment at a time. */
const wire = 1_514;

for (const offload of ['later', 'finish']) {
  const how =
    offload === 'later' ? 'checksums unfinished all the way' : 'checksums finished where the director sends';
  labTest(
    `nat in its tcx form: super-packets pass both ways, the balancer sees the client's address, and RST is heard (${how})`,
    async (t) => {
      // The client is in a network of its own: what balancers answer goes through the director.
      const { lab, client, director } = await scene(t, 'Nat', '10.88.0.10', offload);
      const route = (host: string, ...rest: string[]) =>
        lab.exec(host, ['ip', 'route', 'add', ...rest, 'dev', 'eth0']);
      await route('client', '10.77.0.0/16');
      await route('d1', '10.88.0.0/16');
      await route('b1', '10.88.0.0/16', 'via', '10.77.0.1');

      const first = await director([1]);
      t.is(await ask(client, 'hold', /^held/), 'held');
      const peers = await lab.exec('b1', ['ss', '-Htn', 'state', 'established']);
      t.regex(peers.stdout, /10\.77\.1\.1:9000\s+10\.88\.0\.10:/);
      t.is(await ask(client, 'bulk 8', /^bulk/), 'bulk b1 came back');
      const { service } = JSON.parse(await ask(first, 'counters', /plane/)) as Counts;
      t.true(service['bytes']! / (service['forwardHit']! + service['forwardNew']!) > wire);
      t.true(service['answerBytes']! / service['forwardAnswer']! > wire);

      // Nobody is eligible, then b1 is dead: both are told in segments whose checksums the kernel wrote.
      first.signal('SIGKILL');
      await first.exited;
      await director([], [1]);
      t.is(await ask(client, 'connect', /^(connected|ended)/), 'ended ECONNREFUSED');
      t.is(await ask(client, 'talk', /^(talked|ended)/), 'ended ECONNRESET');
    },
  );

  labTest(
    `tun in its tcx form: super-packets travel in the tunnel once their segments fit, and the sender is told when they do not (${how})`,
    async (t) => {
      const { lab, client, director } = await scene(t, 'Tun', '10.77.0.10', offload);
      const unwrapper = await lab.spawn('b1', labScript('lab-unwrap'));
      await unwrapper.line(/unwrapping/);
      const first = await director([1]);
      t.is(await ask(client, 'bulk 8', /^bulk/), 'bulk b1 came back');
      const { service, plane } = JSON.parse(await ask(first, 'counters', /plane/)) as Counts;
      t.true(service['bytes']! / (service['forwardHit']! + service['forwardNew']!) > wire);
      t.true(plane['tooBig']! > 0);
    },
  );
}
