import test from 'ava';
import { HeadgateError } from '../../../lib/errors/index.ts';
import { createWithFallback, type ChosenEngine, type CreateRelay } from '../../../lib/relay/index.ts';
import { NotingRouter } from './lab.ts';

const options = { router: new NotingRouter(() => null), limit: 10 };

/** An io_uring that says it has all it needs, and fails with `code` when it is to carry connections. */
function failing(code: string, isWish = false): ChosenEngine {
  const create: CreateRelay = () => {
    throw new HeadgateError('HEADGATE_LINUX_SYSCALL', `io_uring_setup: ${code}`, { facts: { code } });
  };
  return { engine: 'uring', create, reason: 'engine uring: io_uring has all it needs', isWish };
}

test('io_uring that fails when relays are made gives way to node, and what is in force says so', async (t) => {
  const maker = createWithFallback(failing('EMFILE'));
  t.is(maker.inForce.engine, 'uring');
  const relay = maker.create(options);
  t.is(relay.engine, 'node');
  await relay.close();
  const { engine, reason, isFallback } = maker.inForce;
  t.deepEqual({ engine, isFallback }, { engine: 'node', isFallback: true });
  t.regex(reason, /^engine node: io_uring does not work after all: io_uring_setup: EMFILE/);
  t.notRegex(reason, /MEMLOCK|\n/);
});

test('where io_uring gets no memory RLIMIT_MEMLOCK is named', async (t) => {
  const maker = createWithFallback(failing('ENOMEM'));
  await maker.create(options).close();
  t.regex(maker.inForce.reason, /ENOMEM; raise RLIMIT_MEMLOCK/);
});

test('an engine that works, or that was asked for by name, is in force as chosen', (t) => {
  const asked = createWithFallback(failing('ENOMEM', true));
  t.throws(() => asked.create(options), { message: 'io_uring_setup: ENOMEM' });
  t.deepEqual(asked.inForce, {
    engine: 'uring',
    reason: 'engine uring: io_uring has all it needs',
    isFallback: false,
  });
});
