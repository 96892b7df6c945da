/** How directors forward, as lines for people. Pure. */
import type { ForwardingStatus, NodeAnswer } from '../node/index.ts';

/** Counters that say why packets did not get through; told when they have moved. */
const reasons = /^(drop|reset|refused|flowLost|flowAlarms|flowsNotHeld|flowsContested|descriptorsExhausted)/;

/** Lines about every director that forwards packets; none for those that only proxy. */
export function forwardingLines(nodes: readonly NodeAnswer[]): readonly string[] {
  return nodes.flatMap(({ node, status }) => {
    const forwarding = status?.forwarding;
    if (forwarding === undefined || forwarding.planes.length < 2) return [];
    return [
      '',
      `director ${node}: ${forwarding.planes.map(planeText).join('; ')}`,
      ...forwarding.services.map(serviceText),
      ...counterText(status?.counters ?? {}),
    ];
  });
}

function planeText({ plane, flows }: ForwardingStatus['planes'][number]): string {
  if (flows === undefined) return plane;
  const { confirmed, unconfirmed, capacity } = flows;
  // The raw plane has no room before it has a balancer.
  const percent = (capacity === 0 ? 0 : (confirmed * 100) / capacity).toFixed(1);
  return `${plane}, ${confirmed} of ${capacity} flows confirmed (${percent} %), ${unconfirmed} not`;
}

function serviceText({ service, mode, why }: ForwardingStatus['services'][number]): string {
  return `  service ${service}: ${mode}${why === '' ? '' : ` (${why})`}`;
}

function counterText(counters: Readonly<Record<string, number>>): readonly string[] {
  const moved = Object.entries(counters).filter(([name, count]) => count > 0 && reasons.test(name));
  return moved.length === 0 ? [] : [`  ${moved.map(([name, count]) => `${name} ${count}`).join(', ')}`];
}
