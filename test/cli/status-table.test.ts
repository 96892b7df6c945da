import test from 'ava';
import { renderStatus } from '../../cli/status-table.ts';
import type { ClusterStatus, NodeAnswer, NodeStatus, WatchedNode } from '../../node/index.ts';
import type { Tier } from '../../topology/index.ts';

function watched(tier: Tier, node: string, change: Partial<WatchedNode> = {}): WatchedNode {
  return {
    node,
    tier,
    state: 'up',
    misses: 0,
    dead: false,
    services: { chat: 'serving' },
    connections: 0,
    draining: false,
    lastFailure: '',
    ...change,
  };
}

function answer(tier: Tier, node: string, change: Partial<NodeStatus> = {}): NodeAnswer {
  const status: NodeStatus = {
    node,
    tier,
    pid: 1,
    version: '1',
    uptimeMs: 1,
    topology: 'aaaa',
    file: 'f',
    control: {
      accepted: 0,
      refusedKey: 0,
      refusedProtocol: 0,
      timedOut: 0,
      refusedLimit: 0,
      droppedMessages: 0,
      open: 0,
    },
    draining: false,
    connections: 0,
    accepted: 0,
    newPerSecond: 0,
    limit: 10,
    counters: {},
    watches: [],
    ...change,
  };
  return { node, tier, speaksControl: true, status, problem: '' };
}

function rows(nodes: readonly NodeAnswer[]): readonly (readonly string[])[] {
  const cluster: ClusterStatus = { cluster: 'chat', topology: 'aaaa', nodes };
  return renderStatus(cluster)
    .split('\n')
    .map((line) => line.split(/ {3,}/));
}

test('each node has a row with what its watchers see and what it says itself', (t) => {
  const table = rows([
    answer('director', 'd1', {
      connections: 3,
      newPerSecond: 1.25,
      watches: [watched('balancer', 'b1', { misses: 2 })],
    }),
    answer('balancer', 'b1', { connections: 3 }),
  ]);
  t.deepEqual(table[0], ['TIER', 'NODE', 'STATE', 'MISSES', 'CONNECTIONS', 'LIMIT', 'NEW/S', 'TOPOLOGY']);
  t.deepEqual(table[1]!.map((cell) => cell.trim()).filter(Boolean), [
    'director',
    'd1',
    'up',
    '-',
    '3',
    '10',
    '1.3',
    'aaaa',
  ]);
  t.deepEqual(table[2]!.map((cell) => cell.trim()).filter(Boolean), [
    'balancer',
    'b1',
    'up',
    '2',
    '3',
    '10',
    '0.0',
    'aaaa',
  ]);
});

test('nodes whose connections the same engine carries share a line, one that fell back has its reason', (t) => {
  const text = renderStatus({
    cluster: 'chat',
    topology: 'aaaa',
    nodes: [
      answer('balancer', 'b1', { engine: { name: 'uring', reason: 'engine uring' } }),
      answer('balancer', 'b2', { engine: { name: 'node', reason: 'engine node: io_uring is forbidden' } }),
      answer('balancer', 'b3', { engine: { name: 'uring', reason: 'engine uring' } }),
    ],
  });
  t.regex(text, /^b1, b3: engine uring$/m);
  t.regex(text, /^b2: engine node: io_uring is forbidden$/m);
});

test('watchers that disagree are told by name', (t) => {
  const text = renderStatus({
    cluster: 'chat',
    topology: 'aaaa',
    nodes: [
      answer('director', 'd1', { watches: [watched('balancer', 'b1')] }),
      answer('director', 'd2', { watches: [watched('balancer', 'b1', { state: 'down' })] }),
      answer('balancer', 'b1'),
    ],
  });
  t.regex(text, /b1 +up for d1, down for d2/);
});

test('draining, full and another topology are shown, a silent node is told with its reason', (t) => {
  const text = renderStatus({
    cluster: 'chat',
    topology: 'aaaa',
    nodes: [
      answer('director', 'd1', {
        topology: 'bbbb',
        watches: [
          watched('balancer', 'b1', { draining: true, services: { chat: 'full' } }),
          watched('balancer', 'b2', { state: 'down' }),
        ],
      }),
      answer('balancer', 'b1'),
      { node: 'b2', tier: 'balancer', speaksControl: true, status: null, problem: 'connection refused' },
    ],
  });
  t.regex(text, /d1 .* bbbb \*/);
  t.regex(text, /b1 +up, draining, full /);
  t.regex(text, /b2 +down /);
  t.regex(text, /^b2: connection refused$/m);
});

test('a removed node that still has connections keeps its row', (t) => {
  const text = renderStatus({
    cluster: 'chat',
    topology: 'aaaa',
    nodes: [
      answer('director', 'd1', { watches: [watched('balancer', 'b9', { draining: true, connections: 7 })] }),
    ],
  });
  t.regex(text, /balancer +b9 +up, draining +0 +7/);
});

test('a backup and a chat server that starts slowly are shown as such', (t) => {
  const text = renderStatus({
    cluster: 'chat',
    topology: 'aaaa',
    nodes: [
      answer('balancer', 'b1', { watches: [watched('chatserver', 'c1', { backup: true, share: 40 })] }),
      answer('chatserver', 'c1'),
    ],
  });
  t.regex(text, /c1 +up, backup, starts slowly, 40 % /);
});
