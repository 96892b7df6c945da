/** The structs in the maps. Addresses are 16 bytes, IPv4 as v4-mapped (RFC 4291 2.5.5.2). */
import { array, be16, bytes, layout, pad, u16, u32, u64, u8 } from '../../lib/layout/index.ts';
import { forwardCounters } from './counters.ts';

/** Version of everything here: another one does not adopt the pinned maps. */
export const layoutVersion = 2;

/** Key of a service: where clients connect to. */
export const serviceKeyLayout = layout(
  'service_key',
  {
    address: bytes(16),
    /** 0: the address itself, whatever the port (map of VIPs). */
    port: be16,
    /** 4 or 6: a v4-mapped address in an IPv6 header is not the IPv4 address. */
    family: u16,
  },
  { size: 20 },
);

export const serviceLayout = layout(
  'service',
  {
    /** Small and stable; in the flows' keys. */
    index: u16,
    /** Mode of new flows. */
    mode: u8,
    gap: pad(1),
    /** Index of the running table in the map of tables. */
    table: u32,
  },
  { size: 8 },
);

export const flowKeyLayout = layout(
  'flow_key',
  { client: bytes(16), clientPort: be16, service: u16 },
  { size: 20 },
);

export const flowLayout = layout(
  'flow',
  {
    balancer: u16,
    /** Generation of the balancer's index when the flow began. */
    generation: u16,
    /** FlowState. */
    state: u8,
    /** Mode the flow began with. */
    mode: u8,
    gap: pad(2),
    /** Where the client's last packet came from; only in mode nat, else zero. */
    clientMac: bytes(6),
    gap2: pad(2),
    /** Last acknowledgment number seen from the client; 0 before the first. */
    lastAck: u32,
    /** Tick of the last packet; a SYN that changes nothing does not count. */
    lastSeen: u32,
  },
  { size: 24 },
);

/** A way to a balancer, in an array by its index. */
export const balancerLayout = layout(
  'balancer',
  {
    /** BalancerState. */
    state: u8,
    /** 4 or 6: version of `address`. */
    family: u8,
    /** Counts the lives of this index: flows of an earlier one are nobody's. */
    generation: u16,
    /** Next hop; all zero when not known (yet). */
    mac: bytes(6),
    gap: pad(6),
    /** Where tunnel packets go. */
    address: bytes(16),
  },
  { size: 32 },
);

/** What holds for every packet; the only value of its array. */
export const configLayout = layout(
  'config',
  {
    /** Keys the hash of the clients: SipHash's k0 and k1. */
    hashKey0: u64,
    hashKey1: u64,
    /** Frames to others pass. */
    ownMac: bytes(6),
    /** Largest IP packet to a balancer, in bytes. */
    mtu: u16,
    /** Source of tunnel packets over IPv6, and over IPv4. */
    tunnelSource6: bytes(16),
    tunnelSource4: bytes(4),
    /** The date of packets: kept current by the control plane, so it stands still while there is none. */
    tick: u32,
    /** Not 0: a SYN without an entry is answered with RST. Set by the control plane while `flows` has no room. */
    refuseNew: u8,
    gap: pad(7),
    /** Next hop of answers to clients whose own is not known; all zero when there is none. */
    gatewayMac: bytes(6),
    end: pad(2),
  },
  { size: 64 },
);

/** Key of an endpoint: where a balancer takes a service's connections in mode nat. Its value is a service's key. */
export const endpointKeyLayout = layout('endpoint_key', { service: u16, balancer: u16 }, { size: 4 });

/** Whose answers come from an endpoint; by the endpoint. Begins like a service's key. */
export const originLayout = layout(
  'origin',
  {
    vip: bytes(16),
    port: be16,
    /** 4 or 6. */
    family: u16,
    service: u16,
    balancer: u16,
  },
  { size: 24 },
);

/** What is counted per service: `forwardCounters` and the bytes of frames, as they came, to balancers and back. */
export const serviceCountersLayout = layout(
  'service_counters',
  { forwarded: array(u64, forwardCounters.length), bytes: u64, answerBytes: u64 },
  { size: 56 },
);
export const balancerCountersLayout = layout('balancer_counters', { packets: u64, bytes: u64 }, { size: 16 });
