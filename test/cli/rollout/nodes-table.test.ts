import test from 'ava';
import { nodesTable } from '../../../cli/rollout/nodes-table.ts';
import type { ControlConnection } from '../../../lib/control/index.ts';
import type { NodeStatus, RolloutStatus, SurveyedNode } from '../../../node/index.ts';
import { aTopology } from '../../topology-fixture.ts';

const topology = aTopology();
const stamp = { generation: 7, id: '7-1', hash: topology.hash };
const old = { generation: 6, id: '6-1', hash: '00000000000000aa' };
const problems = { applyProblem: '', diskProblem: '' };

function node(name: string, tier: SurveyedNode['tier'], state: Partial<RolloutStatus> = {}): SurveyedNode {
  const held: RolloutStatus = { ...stamp, local: false, staged: null, ...problems, ...state };
  return {
    node: name,
    tier,
    control: { host: '127.50.0.1', port: 7400 },
    speaksControl: true,
    problem: '',
    answer: {
      connection: {} as ControlConnection,
      state: held,
      status: { topology: held.hash } as NodeStatus,
    },
  };
}

function silent(name: string, tier: SurveyedNode['tier'], problem: string): SurveyedNode {
  return { ...node(name, tier), answer: undefined, problem };
}

test('nodes that agree are listed, and one line says so', (t) => {
  const table = nodesTable({ topology, stamp, nodes: [node('b1', 'balancer'), node('c1', 'chatserver')] });
  t.is(
    table,
    `NODE   TIER          GENERATION   TOPOLOGY           REMARKS
b1     balancer               7   ${topology.hash}
c1     chat server            7   ${topology.hash}
all 2 nodes run generation 7 (${topology.hash})`,
  );
});

test('what differs is marked with a star and says in what way', (t) => {
  const nodes = [
    node('b1', 'balancer', old),
    node('b2', 'balancer', { hash: 'ffffffffffffffff', local: true }),
    node('b3', 'balancer', { staged: { ...old, generation: 8, by: 'ann@host' } }),
    silent('c1', 'chatserver', 'refused the connection'),
    node('c2', 'chatserver', { applyProblem: 'port 9000 is taken', diskProblem: 'the disk is full' }),
    node('c3', 'chatserver', { hash: 'eeeeeeeeeeeeeeee' }),
    node('d1', 'director'),
  ];
  const lines = nodesTable({ topology, stamp, nodes }).split('\n');
  t.deepEqual(
    lines.slice(1).map((line) => line.replaceAll(/ +/g, ' ')),
    [
      'b1 balancer 6 00000000000000aa * older generation',
      'b2 balancer 7 ffffffffffffffff * file changed by hand',
      `b3 balancer 7 ${topology.hash} generation 8 of ann@host is staged`,
      'c1 chat server - - does not answer: refused the connection',
      `c2 chat server 7 ${topology.hash} port 9000 is taken; the disk is full`,
      'c3 chat server 7 eeeeeeeeeeeeeeee * another topology',
      `d1 director 7 ${topology.hash}`,
      `generation 7 (${topology.hash}) is the newest; 3 of 7 nodes differ, 1 of 7 nodes does not answer, 2 run it with a remark`,
    ],
  );
});

test('nodes that agree and have something to say besides do not differ', (t) => {
  const applyProblem = 'the VIP is not on the loopback';
  const nodes = [node('b1', 'balancer', { applyProblem }), node('b2', 'balancer', { applyProblem })];
  const verdict = (shown: readonly SurveyedNode[]) =>
    nodesTable({ topology, stamp, nodes: shown }).split('\n').at(-1);
  const running = `generation 7 (${topology.hash})`;
  t.is(verdict(nodes), `all 2 nodes run ${running}, 2 with a remark`);
  t.is(
    verdict([...nodes, silent('c1', 'chatserver', ''), silent('c2', 'chatserver', '')]),
    `${running} is the newest; 2 of 4 nodes do not answer, 2 run it with a remark`,
  );
});
