import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { sharedMemoryAvailable } from '../../../lib/linux/index.ts';
import { OwnerLock, SharedMemory } from '../../../lib/shared-memory/index.ts';
import { testUnless } from '../../test-unless.ts';
import { until } from '../../until.ts';
import { memoryBytes, place } from './memory-places.ts';

const { available, reason } = sharedMemoryAvailable();
const sharedTest = testUnless(available ? undefined : reason);

function memoryOf(t: ExecutionContext): SharedMemory {
  const memory = SharedMemory.create('headgate-test', memoryBytes);
  t.teardown(() => memory.close());
  return memory;
}

/** Starts a memory-child; resolves when it is ready. */
async function child(t: ExecutionContext, fd: number, ...args: readonly string[]): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('./memory-child.js', import.meta.url));
  const started = fork(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc', fd] });
  t.teardown(() => void started.kill('SIGKILL'));
  await once(started, 'message');
  return started;
}

sharedTest(
  'Atomics and the lock are exact between processes that all change the same numbers at once',
  async (t) => {
    const memory = memoryOf(t);
    const times = 60_000;
    const children = await Promise.all(
      ['1', '2', '3', '4'].map((token) => child(t, memory.fd, token, 'count', String(times))),
    );
    const answers = children.map((one) => once(one, 'message'));
    for (const one of children) one.send('go');
    const told = (await Promise.all(answers)).map(([answer]) => answer as { broken: number; waits: number });
    const words = new Int32Array(memory.buffer);
    t.is(Atomics.load(words, place.added), 4 * times);
    t.is(Atomics.load(words, place.exchanged), 4 * times);
    t.is(new Float64Array(memory.buffer)[place.guarded], 4 * times);
    t.deepEqual(
      told.map(({ broken }) => broken),
      [0, 0, 0, 0],
    );
    t.true(
      told.some(({ waits }) => waits > 0),
      'they met at the lock',
    );
    t.is(Atomics.load(words, place.lock), 0);
  },
);

sharedTest(
  'processes that are killed, also while they hold the lock, never stop the others once it is broken',
  async (t) => {
    const memory = memoryOf(t);
    const tokens = [1, 2, 3, 4];
    const children = await Promise.all(tokens.map((token) => child(t, memory.fd, String(token), 'hold')));
    const lock = new OwnerLock(new Int32Array(memory.buffer), place.lock, 99);
    const doubles = new Float64Array(memory.buffer);
    for (const one of children) one.send('go');
    let killedHolding = 0;
    for (const [index, token] of tokens.slice(0, -1).entries()) {
      await until(() => lock.holder === token, { describe: `${token} holds the lock` });
      const exited = once(children[index]!, 'exit');
      children[index]!.kill('SIGKILL');
      await exited;
      if (lock.breakFrom(token)) killedHolding++;
      const before = doubles[place.ended]!;
      await until(() => doubles[place.ended]! > before, { describe: 'the others go on' });
    }
    const unfinished = doubles[place.begun]! - doubles[place.ended]!;
    t.true(unfinished <= killedHolding + 1, `${unfinished} unfinished, ${killedHolding} broken`);
    t.is(lock.stats.broken, killedHolding);
  },
);

sharedTest('a lock that is not given back is refused in time, and can be taken by force', (t) => {
  const memory = memoryOf(t);
  const words = new Int32Array(memory.buffer);
  let nowMs = 0;
  const mine = new OwnerLock(words, place.lock, 1);
  const other = new OwnerLock(words, place.lock, 2, () => nowMs++);
  t.true(mine.try(0));
  t.false(other.try(0));
  t.false(other.try(5));
  t.is(other.holder, 1);
  other.take(5);
  t.is(other.holder, 2);
  t.deepEqual(other.stats, { waits: 3, broken: 1 });
  t.false(mine.release(), 'it is not its own any more');
  t.is(other.holder, 2);
  t.true(other.release());
  t.true(mine.try(0));
});

sharedTest('a lock is broken only when it is held by the one who is dead', (t) => {
  const memory = memoryOf(t);
  const words = new Int32Array(memory.buffer);
  const lock = new OwnerLock(words, place.lock, 7);
  lock.take(0);
  t.false(lock.breakFrom(8));
  t.is(lock.holder, 7);
  t.true(lock.breakFrom(7));
  t.false(lock.breakFrom(7), 'a free lock stays free');
  t.is(lock.holder, 0);
});

sharedTest('two mappings of one file are one memory, and after close it is neither shared nor open', (t) => {
  const memory = memoryOf(t);
  t.regex(readlinkSync(`/proc/self/fd/${memory.fd}`), /memfd:headgate-test/);
  const words = new Int32Array(memory.buffer);
  words[5] = 42;
  memory.close();
  memory.close();
  t.is(words[5], 0, 'a view kept for too long reads zeros');
  t.throws(() => readlinkSync(`/proc/self/fd/${memory.fd}`));
});

test('asking whether memory can be shared never throws', (t) => {
  t.is(typeof sharedMemoryAvailable().available, 'boolean');
});
