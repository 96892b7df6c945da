/** Arbitrary states over fixed addresses. */
import fc from 'fast-check';
import { ipBytes, macBytes } from '../../../lib/packet/index.ts';
import {
  BalancerState,
  FlowState,
  forwardState,
  Mode,
  noBalancer,
  proxyOwner,
  type ForwardState,
} from '../../../director/forward/index.ts';
import {
  balancer,
  client4,
  client6,
  clientMac,
  config,
  gatewayMac,
  service,
  vip4,
  vip4b,
  vip6,
  withFlows,
} from './world.ts';

/** Lower than usual, so that packets exceed it that BPF_PROG_TEST_RUN takes. */
const mtu = 1_280;

export const clients4 = [client4, '198.51.100.8'];
export const clients6 = [client6, '2001:db8:c::8'];
export const clientPorts = [40_000, 40_001, 65_535];
export const servicePorts = [9000, 9001];
const pool = [
  { address: vip4, port: 9000 },
  { address: vip4, port: 9001 },
  { address: vip6, port: 9000 },
  { address: vip6, port: 9001 },
  { address: vip4b, port: 9000 },
];

export const balancerIndex = fc.integer({ min: 0, max: 7 });
const { Dr, Tun, Nat, Proxy } = Mode;
const mode = fc.constantFrom(Dr, Dr, Dr, Tun, Tun, Tun, Nat, Nat, Nat, Proxy);

/** The endpoint of balancer `index` for service `service`: of a family of its own, which not always fits. */
export function endpointAddress(index: number, v6: boolean): string {
  return v6 ? `fd00::2:${index}` : `10.0.2.${index}`;
}
export const endpointPort = (service: number) => 7000 + service;
export const isV6 = (service: number) => pool[service]!.address.includes(':');
/** The balancer that most flows and answers of a service in mode nat have to do with, so that they meet. */
export const natOwner = (service: number) => 1 + (service % 4);
/** A balancer, mostly that one. */
export const oftenOwner = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: balancerIndex },
);

const endpoints = fc.array(
  fc.record({
    service: fc.integer({ min: 0, max: 4 }),
    balancer: balancerIndex,
    fits: fc.constantFrom(true, true, true, true, true, false),
  }),
  { maxLength: 40 },
);
const generation = fc.constantFrom(1, 1, 1, 1, 1, 2);

const balancerOf = (index: number) =>
  fc.option(
    fc
      .record({
        state: fc.constantFrom(
          BalancerState.Up,
          BalancerState.Up,
          BalancerState.Draining,
          BalancerState.Down,
          BalancerState.Dead,
          BalancerState.Absent,
        ),
        generation,
        v6: fc.boolean(),
        knownMac: fc.constantFrom(true, true, true, true, false),
      })
      .map(({ state, generation: life, v6, knownMac }) =>
        balancer(index, v6 ? `fd00::1:${index}` : `10.0.1.${index}`, {
          state,
          generation: life,
          ...(knownMac ? {} : { mac: new Uint8Array(6) }),
        }),
      ),
    { nil: undefined, freq: 8 },
  );

const flow = fc.record({
  side: fc.integer({ min: 0, max: 1 }),
  port: fc.constantFrom(...clientPorts),
  service: fc.integer({ min: 0, max: 4 }),
  table: fc.constantFrom('confirmed' as const, 'unconfirmed' as const),
  often: fc.constantFrom(true, true, true, true, false),
  entry: fc
    .record({
      balancer: balancerIndex,
      generation,
      state: fc.constantFrom(FlowState.Opening, FlowState.Established, FlowState.Closing),
      mode,
      proxied: fc.constantFrom(true, true, false),
      knownMac: fc.boolean(),
      lastAck: fc.integer({ min: 0, max: 0xffff_ffff }),
      lastSeen: fc.integer({ min: 0, max: 999 }),
    })
    // An entry of mode proxy that names a balancer is one that nobody should have made.
    .map(({ proxied, knownMac, ...rest }) => ({
      ...rest,
      ...(rest.mode === Mode.Proxy && proxied ? proxyOwner : {}),
      ...(rest.mode === Mode.Nat && knownMac ? { clientMac: macBytes(clientMac) } : {}),
    })),
});

/** A state over fixed addresses, with everything else arbitrary. */
export const state: fc.Arbitrary<ForwardState> = fc
  .record({
    services: fc.tuple(
      ...pool.map(() =>
        fc.record({
          there: fc.constantFrom(true, true, true, true, false),
          mode,
          owners: fc.array(fc.oneof({ weight: 6, arbitrary: balancerIndex }, fc.constant(noBalancer)), {
            minLength: 1,
            maxLength: 5,
          }),
        }),
      ),
    ),
    balancers: fc.tuple(...Array.from({ length: 8 }, (_, index) => balancerOf(index))),
    flows: fc.array(flow, { minLength: 10, maxLength: 20 }),
    refuseNew: fc.constantFrom(false, false, false, false, true),
    endpoints,
    gateway: fc.boolean(),
  })
  .map(({ services, balancers, flows, refuseNew, endpoints: places, gateway }) => {
    const listed = services.flatMap(({ there, mode: how, owners }, index) => {
      const { address, port } = pool[index]!;
      return there ? [service(index, address, port, how, (slot) => owners[slot % owners.length]!)] : [];
    });
    const natted = new Map(
      [...pool.map((_, index) => ({ service: index, balancer: natOwner(index), fits: true })), ...places].map(
        ({ service: index, balancer: owner, fits }) => {
          const { address: vip, port: vipPort } = pool[index]!;
          const v6 = vip.includes(':') === fits;
          const address = ipBytes(endpointAddress(owner, v6));
          const port = endpointPort(index);
          return [
            `${index} ${owner}`,
            { service: index, balancer: owner, address, port, vip: ipBytes(vip), vipPort },
          ] as const;
        },
      ),
    );
    const fresh = forwardState(
      { ...config, mtu, refuseNew, ...(gateway ? { gatewayMac: macBytes(gatewayMac) } : {}) },
      listed,
      balancers,
      [...natted.values()],
    );
    return withFlows(
      fresh,
      flows.map(({ side, often, entry: value, ...rest }) => ({
        ...rest,
        client: (isV6(rest.service) ? clients6 : clients4)[side]!,
        entry: value.mode === Mode.Nat && often ? { ...value, balancer: natOwner(rest.service) } : value,
      })),
    );
  });
