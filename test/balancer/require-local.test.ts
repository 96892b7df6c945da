import test from 'ava';
import { requireLocal } from '../../balancer/require-local.ts';
import { describeError, isHeadgateError } from '../../lib/errors/index.ts';

test('sources must be addresses of this machine; the first that is not is told in one line', async (t) => {
  await requireLocal([], 'b1');
  await requireLocal(['127.0.0.1', '127.99.1.2', '::1'], 'b1');
  const error = await t.throwsAsync(requireLocal(['127.0.0.1', '192.0.2.1', '192.0.2.2'], 'b1'));
  t.true(isHeadgateError(error, 'HEADGATE_BALANCER_SOURCE_NOT_LOCAL'));
  t.is(
    describeError(error),
    'balancers.b1.sources: 192.0.2.1 is not an address of this machine; add the address to an interface, or take it off the list in the topology',
  );
});
