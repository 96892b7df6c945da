import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { afterTake, afterWrite, heldFromFile, type Holding } from '../../node/rollout/holding.ts';
import { holdingStore, readHoldings } from '../../node/rollout/store.ts';
import { startTopology } from '../../node/start-topology.ts';
import { fileSource, type TopologySource } from '../../topology/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { sampleText, sampleWith, valid } from '../topology/sample.ts';

const rolledOut = sampleWith('{ host: 10.0.1.1 }', '{ host: 10.0.1.1, weight: 2 }');
/** As a newer version of headgate may have taken it. */
const fromTomorrow = `${rolledOut}tomorrow: true\n`;

/** What b1 keeps after a roll-out of `text` that could not be written to its file. */
function taken(text: string): Holding {
  const stamp = { generation: 3, id: 'aa-1', hash: valid(rolledOut).hash };
  return afterTake(heldFromFile(valid(sampleText).hash, sampleText), stamp, text);
}

/** How b1 starts with the sample in its file. */
async function startWithSample(t: ExecutionContext, kept: Holding, note?: string) {
  const folder = await temporaryFolder(t, { 'topology.yaml': sampleText });
  const file = fileSource(path.join(folder, 'topology.yaml'));
  const source: TopologySource =
    note === undefined ? file : { ...file, read: async () => ({ text: sampleText, note }) };
  const state = path.join(folder, 'state');
  await holdingStore(state, source.name, 'balancer', 'b1').save(kept);
  t.deepEqual((await readHoldings(state, source.name, 'balancer', 'b1')).get('b1'), kept);
  return startTopology(source, 'balancer', 'b1', state);
}

test('a file from before the last roll-out is the older one, and is to be rewritten', async (t) => {
  const kept = taken(rolledOut);
  const { topology, holding, rewrite } = await startWithSample(t, kept);
  t.deepEqual(
    { hash: topology.hash, holding, rewrite },
    { hash: kept.stamp.hash, holding: kept, rewrite: true },
  );
});

test('what was kept and cannot be used counts as never taken: the file is in force, and says so', async (t) => {
  const { topology, holding, rewrite, warnings } = await startWithSample(t, taken(fromTomorrow));
  const { hash } = valid(sampleText);
  t.is(topology.hash, hash);
  t.deepEqual(holding, heldFromFile(hash, sampleText));
  t.false(rewrite);
  t.is(warnings.filter((line) => /kept of generation 3 is not usable: starting with /.test(line)).length, 1);
});

test('… so does the older roll-out of a shared store', async (t) => {
  const { hash } = valid(sampleText);
  const stamp = { generation: 2, id: 'aa-0', hash };
  const kept = afterWrite(taken(fromTomorrow));
  const { topology, holding } = await startWithSample(t, kept, JSON.stringify(stamp));
  t.is(topology.hash, hash);
  t.deepEqual(holding, { ...heldFromFile(hash, sampleText), stamp });
});
