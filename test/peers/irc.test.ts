import { text } from 'node:stream/consumers';
import { connect } from 'node:net';
import { formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import { foreign, startCluster, type ClusterSpec } from '../cluster.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { ircMissing, startNgircd, startSic } from './irc.ts';

testUnless(ircMissing)(
  'two people at IRC clients talk through both tiers, also while balancers change',
  async (t) => {
    const block = await takeLoopbackBlock(t);
    const vip = { host: block.address(1), port: 6667 };
    const server = { host: block.address(31), port: 6667 };
    const ngircd = await startNgircd(t, server);
    const spec: ClusterSpec = {
      services: { chat: { listen: formatEndpoint(vip) } },
      directors: { d1: { host: block.address(11) } },
      balancers: { b1: { host: block.address(21), workers: 1 } },
      chatservers: { c1: { address: formatEndpoint(server), heartbeat: foreign } },
    };
    const cluster = await startCluster(t, spec);
    await until(() => ircAnswers(vip), { describe: 'ngircd to answer through both tiers' });

    const [ann, bob] = await Promise.all([startSic(t, vip, 'ann'), startSic(t, vip, 'bob')]);
    await ann.join('#lab');
    await bob.join('#lab');
    ann.say('hello bob');
    await bob.sees('ann', 'hello bob');
    bob.say('hello ann');
    await ann.sees('bob', 'hello ann');

    // Everybody new goes to b2; ann and bob stay where they are.
    await cluster.rewrite({
      ...spec,
      balancers: {
        b1: { ...spec.balancers['b1'], state: 'drain' },
        b2: { host: block.address(22), workers: 1 },
      },
    });
    await cluster.start('b2');
    await until(() => ircAnswers(vip), { describe: 'ngircd to answer through b2' });
    const eve = await startSic(t, vip, 'eve');
    await eve.join('#lab');
    eve.say('hello both');
    await Promise.all([ann.sees('eve', 'hello both'), bob.sees('eve', 'hello both')]);
    bob.say('hello eve');
    await eve.sees('bob', 'hello eve');
    t.is(ngircd.lines.filter(({ text: line }) => /User .* unregistered/.test(line)).length, 0);

    ann.program.signal('SIGKILL');
    await ngircd.line(/User "ann!.*unregistered/);
    t.is(bob.program.exit, undefined);
  },
);

/** ngircd says farewell to who quits before logging in. */
async function ircAnswers({ host, port }: Endpoint): Promise<boolean> {
  const socket = connect(port, host);
  socket.write('QUIT\r\n');
  return (await text(socket)).startsWith('ERROR ');
}
