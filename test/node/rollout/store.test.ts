import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { heldFromFile } from '../../../node/rollout/holding.ts';
import { holdingStore, readHoldings } from '../../../node/rollout/store.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

const held = heldFromFile('aa', 'text a');

/** Runs `act` in a working directory of its own. */
async function elsewhere(t: ExecutionContext, act: () => Promise<void>): Promise<void> {
  const before = process.cwd();
  process.chdir(await temporaryFolder(t));
  try {
    await act();
  } finally {
    process.chdir(before);
  }
}

test.serial('what was kept of a topology in etcd is found from every working directory', async (t) => {
  const directory = await temporaryFolder(t);
  const source = 'etcd://10.0.0.1:2379,10.0.0.2:2379/headgate/chat';
  await holdingStore(directory, source, 'balancer', 'b1').save(held);
  await elsewhere(t, async () => {
    t.deepEqual([...(await readHoldings(directory, source, 'balancer', 'b1'))], [['b1', held]]);
  });
});

test.serial('what was kept of a file is found by every path of the same file, and by no other', async (t) => {
  const directory = await temporaryFolder(t);
  const file = path.resolve('topology.yaml');
  await holdingStore(directory, 'topology.yaml', 'balancer', 'b1').save(held);
  await elsewhere(t, async () => {
    t.deepEqual([...(await readHoldings(directory, file, 'balancer', undefined))], [['b1', held]]);
    t.is((await readHoldings(directory, 'topology.yaml', 'balancer', undefined)).size, 0);
  });
});
