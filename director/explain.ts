import { addressBytes, formatEndpoint, type Endpoint } from '../lib/address/index.ts';
import { FlowHasher, hashHex, hashKeyFromHex, slotCounts } from '../lib/maglev/index.ts';
import { standingTexts, type Standing } from './eligibility.ts';
import type { ServiceMode } from './forwarding-mode.ts';
import type { ForwardingTable, ServiceForwarding } from './forwarding-table.ts';
import { pickBalancer } from './pick.ts';

/** Where a new connection of a client would go, and why. Plain data, fit for JSON. */
export interface Explanation {
  readonly service: string;
  /** The VIP. */
  readonly listen: string;
  readonly client: string;
  /** How new connections are forwarded. */
  readonly mode: ServiceMode;
  /** SipHash-1-3 of the client, 16 hexadecimal digits. */
  readonly hash: string;
  readonly slot: number;
  /** Slots of the table. */
  readonly slots: number;
  /** Name of the balancer; null: the connection would be refused. */
  readonly balancer: string | null;
  /** Where that balancer takes the connection; null with `balancer`. */
  readonly endpoint: string | null;
  readonly eligible: readonly {
    readonly balancer: string;
    readonly weight: number;
    readonly slots: number;
  }[];
  readonly others: readonly {
    readonly balancer: string;
    readonly standing: Standing | 'removed';
    readonly why: string;
  }[];
}

/** One explanation per service, or of the named service only (none when there is no such service). */
export function explain(table: ForwardingTable, client: Endpoint, service?: string): readonly Explanation[] {
  return table.services
    .filter(({ name }) => service === undefined || name === service)
    .map((forwarding) => explainService(table, forwarding, client));
}

function explainService(table: ForwardingTable, service: ServiceForwarding, client: Endpoint): Explanation {
  const { maglev, owners } = service;
  const hasher = new FlowHasher(hashKeyFromHex(table.hashKey));
  const slot = hasher.slotOf(client, maglev.size);
  const counts = slotCounts(maglev);
  const picked = pickBalancer(service, slot);
  return {
    service: service.name,
    listen: formatEndpoint(service.listen),
    client: formatEndpoint(client),
    mode: service.mode,
    hash: hashHex(hasher.hash(addressBytes(client.host), client.port)),
    slot,
    slots: maglev.size,
    balancer: picked?.name ?? null,
    endpoint: picked === undefined ? null : formatEndpoint(picked.endpoint),
    eligible: owners.map(({ name, weight }, index) => ({
      balancer: name,
      weight,
      slots: counts[index] ?? 0,
    })),
    others: [
      ...service.balancers
        .filter(({ standing }) => standing !== 'eligible')
        .map(({ name, standing }) => ({ balancer: name, standing, why: standingTexts[standing] })),
      ...table.removed.map((id) => ({
        balancer: id,
        standing: 'removed' as const,
        why: 'left the topology and keeps only what it has',
      })),
    ],
  };
}
