import test from 'ava';
import { isHeadgateError } from '../../../lib/errors/index.ts';
import { createRelayFor, missingForUring, preferredEngine } from '../../../lib/relay/index.ts';
import type { UringSupport } from '../../../lib/linux/uring/index.ts';
import { NotingRouter } from './lab.ts';
import { uringMissing } from './engines.ts';

const forbidden: UringSupport = { available: false, reason: 'forbidden by a seccomp filter (EPERM)' };
const old: UringSupport = { available: true, mode: 'plain', features: new Set(['accept', 'recv', 'send']) };

test('without io_uring, auto takes node and says in one line why', (t) => {
  t.like(createRelayFor('auto', forbidden), { engine: 'node', reason: `engine node: ${forbidden.reason}` });
  const { engine, reason } = createRelayFor('auto', old);
  t.is(engine, 'node');
  t.regex(reason, /^engine node: io_uring lacks bufferRings \(Linux 5\.19\), .*connect/);
  t.false(reason.includes('\n'));
});

test('an engine asked for by name is the engine', (t) => {
  t.is(createRelayFor('node').engine, 'node');
  t.is(createRelayFor('uring', forbidden).engine, 'uring');
});

test('what is chosen works here, or says why not', async (t) => {
  const { engine, create } = createRelayFor('auto');
  t.is(engine, uringMissing === undefined ? 'uring' : 'node');
  const options = { router: new NotingRouter(() => null), limit: 10 };
  const relay = create(options);
  t.is(relay.engine, engine);
  await relay.close();
  if (missingForUring() === undefined) return;
  const error = t.throws(() => createRelayFor('uring').create(options));
  t.true(isHeadgateError(error, 'HEADGATE_URING_UNAVAILABLE'));
});

test('the environment chooses where the topology leaves it open, and a word that is no engine is an error', (t) => {
  t.is(preferredEngine('auto', {}), 'auto');
  t.is(preferredEngine('auto', { HEADGATE_ENGINE: '' }), 'auto');
  t.is(preferredEngine('auto', { HEADGATE_ENGINE: 'node' }), 'node');
  t.is(preferredEngine('uring', { HEADGATE_ENGINE: 'node' }), 'uring');
  const error = t.throws(() => preferredEngine('auto', { HEADGATE_ENGINE: 'epoll' }));
  t.true(isHeadgateError(error, 'HEADGATE_RELAY_ENGINE_UNKNOWN'));
});
