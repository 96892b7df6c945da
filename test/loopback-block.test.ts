import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'ava';
import { takeLoopbackBlock } from './loopback-block.ts';

test('no two tests hold the same block, and its addresses can be listened on', async (t) => {
  const blocks = await Promise.all([takeLoopbackBlock(t), takeLoopbackBlock(t), takeLoopbackBlock(t)]);
  t.is(new Set(blocks.map((block) => block.address(1))).size, 3);
  const server = createServer();
  t.teardown(() => void server.close());
  await once(server.listen(9000, blocks[0]!.address(7)), 'listening');
  t.regex(blocks[0]!.address(7), /^127\.70\.\d+\.7$/);
});
