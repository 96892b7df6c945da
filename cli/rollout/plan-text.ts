/** A plan for people. Pure. */
import {
  formatMoment,
  type PlannedChange,
  type ServiceShares,
  type TopologyPlan,
  type Traffic,
} from '../../topology/index.ts';
import { align } from '../status-table.ts';

const signs = { added: '+', removed: '-', changed: '~' } as const;

const trafficTexts: Readonly<Record<Traffic, string>> = {
  none: 'no effect on traffic',
  new: 'new connections only',
  drains: 'drains',
  closes: 'closes what is left',
  restart: 'from the next start on',
};

/** Shares that differ by less are the same to a reader. */
const smallestShare = 0.0005;

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Several lines; one when there is nothing to do. */
export function planText(plan: TopologyPlan): string {
  if (plan.isEmpty) return `no change: ${plan.before}`;
  return [
    `topology ${plan.before} -> ${plan.after}`,
    align(plan.changes.map(changeRow), new Set()),
    ...plan.services.flatMap(serviceLines),
    ...connectionLines(plan),
    ...plan.privileges.map((need) => `needs: ${need}`),
  ].join('\n');
}

function changeRow({ what, kind, key, traffic, effect }: PlannedChange): readonly string[] {
  return [`  ${signs[kind]} ${what}${key === '' ? '' : ` ${key}`}`, trafficTexts[traffic], effect];
}

function serviceLines({ service, moved, balancers, refusedAfter }: ServiceShares): readonly string[] {
  if (refusedAfter > 0) return [`new connections of ${service}: no balancer takes them, all are refused`];
  if (moved < smallestShare) return [];
  const rows = balancers.map(({ balancer, before, after, gained, given }) => [
    `  ${balancer}`,
    percent(before),
    '->',
    percent(after),
    given >= smallestShare ? `gives ${percent(given)}` : '',
    gained >= smallestShare ? `gets ${percent(gained)}` : '',
  ]);
  return [
    `new connections of ${service}: ${percent(moved)} go to another balancer`,
    align(rows, new Set([1, 3])),
  ];
}

function connectionLines({ connections }: TopologyPlan): readonly string[] {
  if (connections === null) return ['established connections: not counted, no cluster was asked'];
  const { total, kept, drained, lost, nodes } = connections;
  return [
    `established connections: ${total}, of these ${kept} kept, ${drained} drained, ${lost} lost`,
    ...nodes.map(({ node, connections: count, fate, untilMs }) =>
      fate === 'drained'
        ? `  ${node} keeps its ${count} until they end`
        : `  ${node} loses what is left of its ${count} at ${formatMoment(untilMs ?? 0)}`,
    ),
  ];
}
