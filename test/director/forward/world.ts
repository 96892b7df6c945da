/** A small world for tests of forward() and of the program: addresses, services, balancers, flows. */
import { FlowHasher, hashKeyFromHex } from '../../../lib/maglev/index.ts';
import { ipBytes, macBytes } from '../../../lib/packet/index.ts';
import {
  BalancerState,
  flowKey,
  FlowState,
  forwardState,
  keyText,
  Mode,
  noBalancer,
  type FlowChange,
  type FlowEntry,
  type FlowTable,
  type ForwardBalancer,
  type ForwardConfig,
  type ForwardEndpoint,
  type ForwardService,
  type ForwardState,
} from '../../../director/forward/index.ts';

/** Slots of the tables in tests: small, so that whole states are cheap to write. */
export const tableSize = 251;

export const ownMac = '02:00:00:00:00:d1';
export const gatewayMac = '02:00:00:00:00:01';
export const clientMac = '02:00:00:00:00:c1';

export const vip4 = '203.0.113.10';
export const vip4b = '203.0.113.11';
export const vip6 = '2001:db8::10';
export const client4 = '198.51.100.7';
export const client6 = '2001:db8:c::7';

export const config: ForwardConfig = {
  hasher: new FlowHasher(hashKeyFromHex('000102030405060708090a0b0c0d0e0f')),
  ownMac: macBytes(ownMac),
  mtu: 1_500,
  tunnelSource4: ipBytes('10.0.0.1'),
  tunnelSource6: ipBytes('fd00::1'),
};

export function slots(fill: (slot: number) => number): Uint16Array {
  return Uint16Array.from({ length: tableSize }, (_, slot) => fill(slot));
}

export function service(
  index: number,
  address: string,
  port: number,
  mode: Mode,
  owner: number | ((slot: number) => number),
): ForwardService {
  const fill = typeof owner === 'number' ? () => owner : owner;
  return { index, address: ipBytes(address), port, mode, slots: slots(fill) };
}

export function balancer(
  index: number,
  address: string,
  fields: Partial<ForwardBalancer> = {},
): ForwardBalancer {
  const mac = Uint8Array.of(2, 0, 0, 0, 0xb, index);
  return { state: BalancerState.Up, generation: 1, mac, address: ipBytes(address), ...fields };
}

export function entry(fields: Partial<FlowEntry> = {}): FlowEntry {
  return {
    balancer: 1,
    generation: 1,
    state: FlowState.Established,
    mode: Mode.Dr,
    lastAck: 0,
    lastSeen: 1,
    ...fields,
  };
}

/** A flow of the world: `client:port` at service `service`. */
export interface WorldFlow {
  readonly client: string;
  readonly port: number;
  readonly service: number;
  readonly table: FlowTable;
  readonly entry: FlowEntry;
}

export function withFlows(state: ForwardState, flows: readonly WorldFlow[]): ForwardState {
  return applied(
    state,
    flows.map(({ client, port, service: index, table, entry: value }) => ({
      table,
      key: keyText(flowKey(ipBytes(client), port, index)),
      entry: value,
    })),
  );
}

/** The state after changes. */
export function applied(state: ForwardState, changes: readonly FlowChange[]): ForwardState {
  const confirmed = new Map(state.flows.confirmed);
  const unconfirmed = new Map(state.flows.unconfirmed);
  for (const { table, key, entry: value } of changes) {
    const map = table === 'confirmed' ? confirmed : unconfirmed;
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
  return { ...state, flows: { confirmed, unconfirmed } };
}

/**
 * Services: 0 dr and 1 tun on vip4, 2 dr and 3 tun on vip6, 4 on vip4b without balancers. Balancers: 1 (IPv4) up
 * and owner of all slots of services 0 to 2; 2 (IPv6) up and owner of service 3; 3 draining; 4 down; 5 dead; 6 up, MAC unknown.
 * Services 5 (vip4) and 6 (vip6), port 9002, are proxied; 7 (vip4) and 8 (vip6), port 9003, are nat to balancers 1 and 2, at
 * their ports 7003 and 7004. Balancer 2 has an IPv6 endpoint for service 7, 6 has none.
 */
export function world(): ForwardState {
  return forwardState(
    config,
    [
      service(0, vip4, 9000, Mode.Dr, 1),
      service(1, vip4, 9001, Mode.Tun, 1),
      service(2, vip6, 9000, Mode.Dr, 1),
      service(3, vip6, 9001, Mode.Tun, 2),
      service(4, vip4b, 9000, Mode.Dr, noBalancer),
      service(5, vip4, 9002, Mode.Proxy, 1),
      service(6, vip6, 9002, Mode.Proxy, 1),
      service(7, vip4, 9003, Mode.Nat, 1),
      service(8, vip6, 9003, Mode.Nat, 2),
    ],
    [
      undefined,
      balancer(1, '10.0.1.1'),
      balancer(2, 'fd00::1:2'),
      balancer(3, '10.0.1.3', { state: BalancerState.Draining }),
      balancer(4, '10.0.1.4', { state: BalancerState.Down }),
      balancer(5, '10.0.1.5', { state: BalancerState.Dead }),
      balancer(6, '10.0.1.6', { mac: new Uint8Array(6) }),
    ],
    [
      endpoint(7, 1, '10.0.1.1', vip4),
      endpoint(7, 2, 'fd00::1:2', vip4),
      endpoint(7, 3, '10.0.1.3', vip4),
      endpoint(7, 5, '10.0.1.5', vip4),
      endpoint(8, 2, 'fd00::1:2', vip6),
    ],
  );
}

/** The endpoint of a balancer for one of the services of port 9003. */
export function endpoint(index: number, owner: number, address: string, vip: string): ForwardEndpoint {
  return {
    service: index,
    balancer: owner,
    address: ipBytes(address),
    port: 6_996 + index,
    vip: ipBytes(vip),
    vipPort: 9003,
  };
}
