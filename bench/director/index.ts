/**
 * What the director costs: `npm run bench -- director [--round-trip-rounds N] [--json FILE]`, as root. First nanoseconds per packet
 * beyond a trivial XDP_TX program, then round trips per second between hosts beside nftables. Ratios of one run hold, absolute
 * figures belong to the machine.
 */
import { loadavg } from 'node:os';
import { bpfAvailable, loadCollection } from '../../lib/linux/bpf/index.ts';
import { buildPacket, ipBytes, macBytes, TcpFlag } from '../../lib/packet/index.ts';
import { buildMaglevTable, FlowHasher, hashKeyFromHex } from '../../lib/maglev/index.ts';
import { BalancerState, Mode, serviceKey } from '../../director/forward/index.ts';
import {
  defaultCapacity,
  encodeBalancer,
  encodeConfig,
  encodeService,
  encodeTable,
  forwardProgram,
  mapSpecs,
  writeEndpoints,
} from '../../director/xdp/index.ts';
import { benchFacts, writeResult } from '../facts.ts';
import { benchOptions, json, whole } from '../options.ts';
import { addedNs, harnessMaps, trivial, wrapper, type Added, type Traffic } from './harness.ts';
import { measureRoundTrips, roundTripBytes, roundTripConnections } from './round-trips.ts';

const vip = ipBytes('203.0.113.10');
const port = 9000;
const { tableSize } = defaultCapacity;

interface Case {
  readonly name: string;
  readonly mode: Mode;
  readonly flags: number;
  readonly flows: number;
  /** Where the flows are before it begins. */
  readonly known: 'confirmed' | 'unconfirmed' | 'nowhere';
  /** Empty the table of evictable flows before each round, so that nothing has to be evicted. */
  readonly emptied?: boolean;
  /** What it should cost at the most. */
  readonly markNs?: number;
}

const usage = `usage: npm run bench -- director [--round-trip-rounds R] [--json FILE]

Nanoseconds per packet beyond a trivial program, and round trips per second beside nftables. As root.

  --round-trip-rounds R   turns of the second part (5)
  --json FILE             the result, for machines`;
const options = benchOptions(usage, { 'round-trip-rounds': whole(5), json });

const cases: readonly Case[] = [
  { name: 'dr, hit, one flow', mode: Mode.Dr, flags: TcpFlag.Ack, flows: 1, known: 'confirmed', markNs: 95 },
  { name: 'dr, hit, 65,536 flows', mode: Mode.Dr, flags: TcpFlag.Ack, flows: 65_536, known: 'confirmed' },
  {
    name: 'dr, unconfirmed hit, one flow',
    mode: Mode.Dr,
    flags: TcpFlag.Ack,
    flows: 1,
    known: 'unconfirmed',
  },
  {
    name: 'dr, new flow',
    mode: Mode.Dr,
    flags: TcpFlag.Syn,
    flows: 1 << 24,
    known: 'nowhere',
    emptied: true,
    markNs: 500,
  },
  {
    name: 'dr, new flow that evicts one',
    mode: Mode.Dr,
    flags: TcpFlag.Syn,
    flows: 1 << 24,
    known: 'nowhere',
  },
  {
    name: 'tun, hit, one flow',
    mode: Mode.Tun,
    flags: TcpFlag.Ack,
    flows: 1,
    known: 'confirmed',
    markNs: 130,
  },
  { name: 'tun, hit, 65,536 flows', mode: Mode.Tun, flags: TcpFlag.Ack, flows: 65_536, known: 'confirmed' },
  {
    name: 'tun, new flow',
    mode: Mode.Tun,
    flags: TcpFlag.Syn,
    flows: 1 << 24,
    known: 'nowhere',
    emptied: true,
    markNs: 500,
  },
  {
    name: 'tun, new flow that evicts one',
    mode: Mode.Tun,
    flags: TcpFlag.Syn,
    flows: 1 << 24,
    known: 'nowhere',
  },
  { name: 'nat, hit, one flow', mode: Mode.Nat, flags: TcpFlag.Ack, flows: 1, known: 'confirmed' },
  { name: 'nat, hit, 65,536 flows', mode: Mode.Nat, flags: TcpFlag.Ack, flows: 65_536, known: 'confirmed' },
  {
    name: 'nat, new flow',
    mode: Mode.Nat,
    flags: TcpFlag.Syn,
    flows: 1 << 24,
    known: 'nowhere',
    emptied: true,
    markNs: 500,
  },
];

function measure({ mode, flags, flows, known, emptied = false }: Case): Added {
  const traffic: Traffic = {
    packet: buildPacket({
      ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:d1' },
      ip: { source: '198.51.100.0', destination: vip },
      tcp: { sourcePort: 40_000, destinationPort: port, flags, acknowledgment: 1 },
      payload: new Uint8Array(64),
    }),
    grownBy: mode === Mode.Tun ? 20 : 0,
    // Up to the end of TCP's header.
    ...(mode === Mode.Nat ? { rewritten: 54 } : {}),
    flows,
  };
  const { maps, programs, close } = loadCollection({
    maps: { ...mapSpecs(defaultCapacity), ...harnessMaps },
    programs: { director: forwardProgram(tableSize), trivial, wrapper: wrapper(traffic) },
  });
  try {
    maps.config.update(
      0,
      encodeConfig(
        {
          hasher: new FlowHasher(hashKeyFromHex('000102030405060708090a0b0c0d0e0f')),
          ownMac: macBytes('02:00:00:00:00:d1'),
          mtu: 1_500,
          tunnelSource4: ipBytes('10.0.0.1'),
          tunnelSource6: ipBytes('fd00::1'),
        },
        0,
      ),
    );
    const slots = Uint16Array.from({ length: tableSize }, (_, slot) => slot % 10);
    const service = { index: 0, address: vip, port, mode, slots };
    maps.tables.update(0, encodeTable(slots, tableSize));
    maps.services.update(serviceKey(vip, port), encodeService(service, 0));
    for (let index = 0; index < 10; index++) {
      const mac = Uint8Array.of(2, 0, 0, 0, 0xb, index);
      const address = ipBytes(`10.0.1.${index + 1}`);
      maps.balancers.update(index, encodeBalancer({ state: BalancerState.Up, generation: 1, mac, address }));
    }
    writeEndpoints(
      { maps },
      Array.from({ length: 10 }, (_, index) => {
        const address = ipBytes(`10.0.1.${index + 1}`);
        return { service: 0, balancer: index, address, port: 7000, vip, vipPort: port };
      }),
    );
    const all = { wrapper: programs.wrapper, program: programs.director, trivial: programs.trivial };
    if (known !== 'nowhere') {
      // Strays make the entries; confirming them is what the control plane does.
      maps.next.put(0, programs.director);
      programs.wrapper.test({ data: traffic.packet, repeat: flows });
      if (known === 'confirmed') {
        for (const { keys, values } of maps.flows_new.batch.drain()) maps.flows.batch.update(keys, values);
      }
    }
    return addedNs(traffic, all, maps, {
      rounds: 15,
      repeat: emptied ? 100_000 : 200_000,
      before: () => {
        if (emptied) for (const batch of maps.flows_new.batch.drain()) void batch;
      },
    });
  } finally {
    close();
  }
}

function packetLine({ added, least, most, baseline }: Added, markNs: number | undefined): string {
  const judged =
    markNs === undefined ? '' : added <= markNs ? `, mark ${markNs} reached` : `, MARK ${markNs} MISSED`;
  return `${added} ns (${least} to ${most})${judged}; wrapper and XDP_TX ${baseline} ns`;
}

/** Milliseconds from a changed list of balancers to packets that follow the new table. */
function tableChange(): Readonly<Record<'least' | 'median' | 'most', number>> {
  const { maps, close } = loadCollection({
    maps: mapSpecs({ ...defaultCapacity, flows: 1_024 }),
    programs: {},
  });
  try {
    const key = hashKeyFromHex('000102030405060708090a0b0c0d0e0f');
    const took = Array.from({ length: 21 }, (_, turn) => {
      const nodes = Array.from({ length: 100 + turn }, (_value, index) => ({ name: `b${index}`, weight: 1 }));
      const begin = performance.now();
      const { slots } = buildMaglevTable(key, nodes);
      maps.tables.update(turn % 2, encodeTable(slots, tableSize));
      const service = { index: 0, address: vip, port, mode: Mode.Dr, slots };
      maps.services.update(serviceKey(vip, port), encodeService(service, turn % 2));
      return performance.now() - begin;
    });
    const [least = NaN, median = NaN, most = NaN] = [0, 10, 20].map(
      (at) => took.toSorted((one, other) => one - other)[at]!,
    );
    return { least, median, most };
  } finally {
    close();
  }
}

const available = bpfAvailable();
if (!available.available) throw new Error(`${available.reason}: ${available.cure}`);
const load = () =>
  loadavg()
    .map((value) => value.toFixed(2))
    .join(' ');
console.log(`load average before: ${load()}`);
const change = tableChange();
console.log(
  `table of ${tableSize} slots for 100 balancers, built and live: ${change.median.toFixed(1)} ms ` +
    `(${change.least.toFixed(1)} to ${change.most.toFixed(1)})`,
);
const packets = cases.map((one) => {
  const found = measure(one);
  console.log(`${one.name}: ${packetLine(found, one.markNs)}`);
  return { name: one.name, markNs: one.markNs, ...found };
});
console.log(
  `${roundTripConnections} connections, messages of ${roundTripBytes} bytes there and back, in turns:`,
);
const roundTrips = await measureRoundTrips(options['round-trip-rounds'], (line) => console.log(line));
console.log(`load average after: ${load()}`);
writeResult(options.json, {
  ...benchFacts('director', ['nft']),
  tableChangeMs: change,
  packets,
  roundTrips,
});
