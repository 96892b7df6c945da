import test from 'ava';
import { describeError, isHeadgateError } from '../../lib/errors/index.ts';
import { findSelf, ownAddresses, type Tier } from '../../topology/index.ts';
import { sampleText, valid } from './sample.ts';

const topology = valid(sampleText);
const local = valid(
  sampleText.replaceAll('10.0.', '127.0.').replace('d1: { host: 127.0.0.1 }', 'd1: { host: 127.0.0.1 }'),
);

function failure(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isHeadgateError(error))
      return `${error.code.replace('HEADGATE_TOPOLOGY_', '')}: ${describeError(error)}`;
    throw error;
  }
  throw new Error('it found a node');
}

test('a node is found by its name, whatever the addresses', (t) => {
  t.is(findSelf(topology, 'balancer', [], 'b2').host, '10.0.1.2');
});

test("a node is found by the machine's address", (t) => {
  t.is(findSelf(topology, 'director', ['127.0.0.1', '::1', '10.0.0.1']).name, 'd1');
  t.is(findSelf(topology, 'balancer', ['127.0.0.1', '10.0.1.2']).name, 'b2');
  t.is(findSelf(topology, 'chatserver', ['10.0.2.1']).name, 'c1');
});

test('every loopback address belongs to a machine that has one', (t) => {
  t.is(findSelf(local, 'director', ['127.0.0.1']).name, 'd1');
});

test('several that fit are named', (t) => {
  t.is(
    failure(() => findSelf(local, 'balancer', ['127.0.0.1'])),
    'NODE_AMBIGUOUS: several balancers are on this machine; pass --node with one of b1, b2',
  );
});

test('none that fits is told with what there is', (t) => {
  t.is(
    failure(() => findSelf(topology, 'balancer', ['192.0.2.7'])),
    'NODE_NOT_HERE: no balancer has an address of this machine (it has 192.0.2.7); pass --node with one of b1, b2, or correct the address in the file',
  );
});

test('a name that does not exist is told with the nearest, or the tier it belongs to', (t) => {
  const asked = (tier: Tier, name: string): string => failure(() => findSelf(topology, tier, [], name));
  t.is(
    asked('balancer', 'b22'),
    'NO_SUCH_NODE: there is no balancer b22; did you mean b2? balancers are b1, b2',
  );
  t.is(
    asked('balancer', 'c1'),
    'NO_SUCH_NODE: there is no balancer c1; c1 is a chat server; balancers are b1, b2',
  );
  t.is(
    asked('chatserver', 'elsewhere'),
    'NO_SUCH_NODE: there is no chat server elsewhere; chat servers are c1, c2',
  );
});

test("this machine's addresses are canonical and among them is loopback", (t) => {
  const addresses = ownAddresses();
  t.true(addresses.includes('127.0.0.1'), addresses.join());
  t.false(addresses.some((address) => address.includes('%')));
});
