/** Many connections that do anything at any moment: whatever comes of it, nothing is left. */
import test from 'ava';
import fc from 'fast-check';
import { tunedUringRelay } from '../../../../lib/relay/uring/relay.ts';
import { uringMissing } from '../engines.ts';
import { Lab, to } from '../lab.ts';
import { until } from '../../../until.ts';

const kernelTest = uringMissing === undefined ? test : test.skip;
if (uringMissing !== undefined) test(`not tested here: ${uringMissing}`, (t) => t.pass());

const actions = ['up', 'down', 'upMuch', 'downMuch', 'clientEnds', 'serverEnds'] as const;
const ends = ['clientResets', 'serverResets', 'relayResets', 'serverCloses'] as const;
const plans = fc.array(
  fc.record({
    /** Turns before the router answers. */
    delay: fc.nat(2),
    steps: fc.array(fc.constantFrom(...actions, ...ends), { maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 12 },
);

const much = Buffer.alloc(400_000, 1);

for (const tuning of [{}, { buffers: 4 }, { buffers: 2, boundsReceives: false }, { rings: 12, rows: 4 }]) {
  kernelTest(
    `no row, buffer or chunk is lost in any order of events: ${JSON.stringify(tuning)}`,
    async (t) => {
      const waits: number[] = [];
      const lab: Lab = await Lab.start(
        t,
        { name: 'uring', create: tunedUringRelay(tuning), takesDescriptors: false },
        {
          relay: { limit: 64 },
          route: async () => {
            for (let turns = waits.shift() ?? 0; turns > 0; turns--) await new Promise(setImmediate);
            return to('server', lab.server.endpoint);
          },
        },
      );
      const stat = (name: string): number => lab.relay.engineStats?.()[name] ?? -1;
      await until(() => stat('rowsTaken') > 0, 'accepts are under way');
      const idleRows = stat('rowsTaken');
      await fc.assert(
        fc.asyncProperty(plans, async (connections) => {
          const before = lab.server.peers.length;
          waits.push(...connections.map(({ delay }) => delay));
          const clients = await Promise.all(connections.map(() => lab.client()));
          const longest = Math.max(...connections.map(({ steps }) => steps.length));
          for (let step = 0; step < longest; step++) {
            for (const [index, { steps }] of connections.entries()) {
              const client = clients[index]!;
              // Any of the servers: which client it belongs to makes no difference here.
              const server = lab.server.peers[before + index];
              switch (steps[step]) {
                case 'up':
                  client.send('up');
                  break;
                case 'down':
                  server?.send('down');
                  break;
                case 'upMuch':
                  client.send(much);
                  break;
                case 'downMuch':
                  server?.send(much);
                  break;
                case 'clientEnds':
                  client.end();
                  break;
                case 'serverEnds':
                  server?.end();
                  break;
                case 'clientResets':
                  client.reset();
                  break;
                case 'serverResets':
                  server?.reset();
                  break;
                case 'serverCloses':
                  server?.socket.destroy();
                  break;
                case 'relayResets':
                  lab.relay.reset('server', 1);
                  break;
                case undefined:
                  break;
              }
            }
            if (step % 2 === 0) await new Promise(setImmediate);
          }
          for (const client of clients) client.reset();
          await until(() => {
            lab.relay.reset('server', 64);
            return lab.relay.stats().connections === 0 && stat('rowsTaken') === idleRows;
          }, 'all rows are free');
          return stat('buffersHeld') === 0 && stat('spillChunks') === 0 && stat('strayCompletions') === 0;
        }),
        { numRuns: 25, endOnFailure: true },
      );
      t.true(stat('lateCompletions') > 0, 'some completions came late');
      await lab.audit(t);
    },
  );
}
