/** The file of a node is changed while a roll-out is staged there, or is under way. */
import { writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { connectControl } from '../../../lib/control/index.ts';
import { abortMethod, stageMethod } from '../../../node/rollout/messages.ts';
import { unstamped } from '../../../node/rollout/stamp.ts';
import { takeLoopbackBlock } from '../../loopback-block.ts';
import { until } from '../../until.ts';
import { meaning, startAgents, textOf, type TestNode } from './agents.ts';

interface Staged {
  readonly node: TestNode;
  /** Texts of the node: what it began with, what is staged, another. */
  readonly texts: readonly [string, string, string];
  /** Takes back what is staged; resolves when all that comes of it has. */
  readonly giveUp: () => Promise<void>;
}

/** A node where the second text is staged. */
async function stagedOnNode(t: ExecutionContext): Promise<Staged> {
  const block = await takeLoopbackBlock(t);
  const texts = [textOf(block), textOf(block, { weight: 2 }), textOf(block, { weight: 3 })] as const;
  const cluster = await startAgents(t, texts[0]);
  const node = cluster.node('b1');
  const endpoint = { host: block.address(21), port: 7400 };
  const { key } = cluster;
  const connection = await connectControl({ endpoint, key, cluster: 'test', node: 'ann', timeoutMs: 5_000 });
  t.teardown(() => connection.close());
  const stamp = { generation: 1, id: 'aa-1', hash: meaning(texts[1]).hash };
  const base = { ...unstamped(meaning(texts[0]).hash) };
  await connection.request(stageMethod, { stamp, base, text: texts[1], by: 'ann' }, 5_000);
  return {
    node,
    texts,
    async giveUp() {
      await connection.request(abortMethod, { id: stamp.id }, 5_000);
      // It ends with its turn.
      await node.close();
    },
  };
}

test('a file that says what is staged is in force when the roll-out is given up', async (t) => {
  const { node, texts, giveUp } = await stagedOnNode(t);
  node.agent.fileChanged(meaning(texts[1]), texts[1]);
  await giveUp();
  t.deepEqual(
    node.applied.map(({ hash }) => hash),
    [texts[0], texts[1]].map((text) => meaning(text).hash),
  );
});

test('a file that said what is staged, and was changed again, stays in force when the roll-out is given up', async (t) => {
  const { node, texts, giveUp } = await stagedOnNode(t);
  node.agent.fileChanged(meaning(texts[1]), texts[1]);
  node.agent.fileChanged(meaning(texts[2]), texts[2]);
  await giveUp();
  t.deepEqual(
    node.applied.map(({ hash }) => hash),
    [texts[0], texts[2]].map((text) => meaning(text).hash),
  );
  t.is(node.agent.status().hash, meaning(texts[2]).hash);
});

test('a removed node whose file another has rewritten does not take that for a change by hand', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  const first = textOf(block, { weight: 2 });
  await cluster.apply(first);
  const without = first.replace(/ {2}b2: .*\n/, '');
  // As with one file for all nodes: it is read before the roll-out is heard of.
  cluster.node('b2').agent.fileChanged(meaning(without), without);
  await cluster.apply(without);
  await cluster.agreed(2, meaning(without).hash);

  const byHand = textOf(block, { weight: 3 });
  await writeFile(cluster.node('b1').file, byHand);
  const told = (name: string) =>
    cluster.node(name).lines.filter(({ msg }) => msg.includes('was changed by hand'));
  await until(() => told('b1').length > 0, 'a real change by hand to be told');
  t.deepEqual(told('b2'), []);
});
