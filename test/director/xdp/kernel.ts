/** The program in the kernel, beside the model. */
import {
  loadCollection,
  TcAction,
  XdpAction,
  type BpfMap,
  type Collection,
} from '../../../lib/linux/bpf/index.ts';
import { EtherType, ethernetLayout, ipv4Layout, ipv6Layout } from '../../../lib/packet/index.ts';
import {
  counterNames,
  forward,
  forwardCounterIndex,
  forwardCounters,
  counterIndex,
  keyText,
  serviceCountersLayout,
  balancerCountersLayout,
  serviceKey,
  tickOf,
  type FlowEntry,
  type FlowTable,
  type ForwardCounter,
  type ForwardState,
  type Outcome,
  type PlaneCounter,
  type Verdict,
} from '../../../director/forward/index.ts';
import {
  decodeFlow,
  encodeBalancer,
  encodeConfig,
  encodeFlow,
  encodeService,
  encodeTable,
  forwardProgram,
  mapSpecs,
  writeEndpoints,
  type FormName,
} from '../../../director/xdp/index.ts';
import { applied, tableSize } from '../forward/world.ts';

const capacity = { services: 12, balancers: 16, flows: 4_096, unconfirmedFlows: 4_096, tableSize };

function spec(form: FormName) {
  return { maps: mapSpecs(capacity), programs: { director: forwardProgram(tableSize, form) } } as const;
}

const mapOf: Readonly<Record<FlowTable, 'flows' | 'flows_new'>> = {
  confirmed: 'flows',
  unconfirmed: 'flows_new',
};
const verdicts: Readonly<Record<FormName, Readonly<Record<number, Verdict>>>> = {
  xdp: { [XdpAction.Drop]: 'drop', [XdpAction.Pass]: 'pass', [XdpAction.Tx]: 'tx' },
  tcx: { [TcAction.Drop]: 'drop', [TcAction.Next >>> 0]: 'pass', [TcAction.Redirect]: 'tx' },
};

/** struct __sk_buff of a frame that will be cut into segments. */
function contextOf(segmentBytes: number): Uint8Array {
  const context = new Uint8Array(192);
  const view = new DataView(context.buffer);
  view.setUint32(164, 2, true);
  view.setUint32(176, segmentBytes, true);
  return context;
}

/** Everything the kernel counts, by name; zeros left out. */
export type Counts = Record<string, bigint>;

/** What one packet adds to the counters. */
export function countsOf(outcome: Outcome, frameBytes: number): Counts {
  const bytes = BigInt(frameBytes);
  const { answered } = outcome;
  if (answered !== undefined)
    return { [`service ${answered} ${outcome.counter}`]: 1n, [`service ${answered} answerBytes`]: bytes };
  if (outcome.to === undefined) return { [outcome.counter]: 1n };
  const { service, balancer } = outcome.to;
  return {
    [`service ${service} ${outcome.counter}`]: 1n,
    [`service ${service} bytes`]: bytes,
    [`balancer ${balancer} packets`]: 1n,
    [`balancer ${balancer} bytes`]: bytes,
  };
}

/** Before anything is changed: keys() goes on from the key it gave last. */
function allKeys(map: BpfMap): readonly Uint8Array[] {
  return Array.from(map.keys());
}

export class Kernel {
  readonly #collection: Collection<ReturnType<typeof spec>>;

  readonly form: FormName;

  constructor(form: FormName) {
    this.form = form;
    this.#collection = loadCollection(spec(form));
  }

  close(): void {
    this.#collection.close();
  }

  /** Makes the maps hold `state` and nothing else; counters begin at 0. */
  write(state: ForwardState, tick: number): void {
    const { maps } = this.#collection;
    for (const map of [maps.services, maps.vips]) for (const key of allKeys(map)) map.delete(key);
    writeEndpoints({ maps }, [...state.endpoints.values()]);
    for (const map of [maps.flows, maps.flows_new]) for (const key of allKeys(map)) map.delete(key);
    maps.config.update(0, encodeConfig(state.config, tick));
    for (const service of state.services.values()) {
      const table = 2 * service.index + (service.index % 2);
      maps.tables.update(table, encodeTable(service.slots, tableSize));
      maps.services.update(serviceKey(service.address, service.port), encodeService(service, table));
      maps.vips.update(serviceKey(service.address, 0), new Uint8Array(4));
    }
    for (let index = 0; index < capacity.balancers; index++) {
      maps.balancers.update(index, encodeBalancer(state.balancers[index]));
    }
    for (const table of ['confirmed', 'unconfirmed'] as const) {
      for (const [key, entry] of state.flows[table])
        maps[mapOf[table]].update(Buffer.from(key, 'hex'), encodeFlow(entry));
    }
    for (const map of [maps.counters, maps.service_count, maps.balancer_count]) {
      const zero = new Uint8Array(map.spec.valueSize);
      for (let index = 0; index < map.spec.maxEntries; index++) map.update(index, zero);
    }
  }

  run(
    frame: Uint8Array,
    segmentBytes: number,
  ): { readonly verdict: Verdict | undefined; readonly packet: Uint8Array } {
    const { result, data } = this.#collection.programs.director.test({
      data: frame,
      ...(segmentBytes === 0 ? {} : { context: contextOf(segmentBytes) }),
    });
    return { verdict: verdicts[this.form][result], packet: data };
  }

  flows(table: FlowTable): Map<string, FlowEntry> {
    const map: BpfMap = this.#collection.maps[mapOf[table]];
    const found = new Map<string, FlowEntry>();
    for (const key of allKeys(map)) {
      const value = map.lookup(key);
      if (value !== undefined) found.set(keyText(key), decodeFlow(value));
    }
    return found;
  }

  counts(): Counts {
    const { counters, service_count: services, balancer_count: balancers } = this.#collection.maps;
    const counts: Counts = {};
    const add = (name: string, value: bigint) => {
      if (value > 0n) counts[name] = (counts[name] ?? 0n) + value;
    };
    const each = (map: BpfMap, index: number, read: (value: DataView) => void) => {
      for (const value of map.lookupPerCpu(index) ?? []) {
        read(new DataView(value.buffer, value.byteOffset, value.byteLength));
      }
    };
    for (const name of counterNames) {
      each(counters, counterIndex(name as PlaneCounter), (view) => add(name, view.getBigUint64(0, true)));
    }
    for (let index = 0; index < capacity.services; index++) {
      each(services, index, (view) => {
        const { forwarded, bytes, answerBytes } = serviceCountersLayout.read(view);
        for (const name of forwardCounters as readonly ForwardCounter[]) {
          add(`service ${index} ${name}`, forwarded[forwardCounterIndex(name)] ?? 0n);
        }
        add(`service ${index} bytes`, bytes);
        add(`service ${index} answerBytes`, answerBytes);
      });
    }
    for (let index = 0; index < capacity.balancers; index++) {
      each(balancers, index, (view) => {
        const { packets, bytes } = balancerCountersLayout.read(view);
        add(`balancer ${index} packets`, packets);
        add(`balancer ${index} bytes`, bytes);
      });
    }
    return counts;
  }
}

function flowsDiffer(
  model: ReadonlyMap<string, FlowEntry>,
  kernel: ReadonlyMap<string, FlowEntry>,
): string | undefined {
  if (model.size !== kernel.size) return `${model.size} flows in the model, ${kernel.size} in the kernel`;
  for (const [key, expected] of model) {
    const found = textOf(kernel.get(key));
    if (textOf(expected) !== found) return `flow ${key}: ${textOf(expected)} became ${found}`;
  }
  return undefined;
}

/** The same text for the same entry, however it was put together. */
function textOf(entry: FlowEntry | undefined): string {
  return entry === undefined ? 'nothing' : keyText(encodeFlow(entry));
}

/** The time of all packets. */
const nowNs = 123_456_789n << 24n;

/**
 * What forward() says to a frame, and the segment size to give the kernel: BPF_PROG_TEST_RUN does not make such frames
 * of TCP's kind, and only these can be wrapped.
 */
function expectedOf(frame: Uint8Array, state: ForwardState, segmentBytes: number) {
  const outcome = forward(frame, state, nowNs, segmentBytes);
  const wrapped = outcome.to !== undefined && outcome.packet.length > frame.length;
  return wrapped && segmentBytes > 0
    ? { outcome: forward(frame, state, nowNs), segmentBytes: 0 }
    : { outcome, segmentBytes };
}

/** BPF_PROG_TEST_RUN wants something behind the Ethernet header for tc, whole IP headers above all: zeros are put there. */
function takenBy(form: FormName, frame: Uint8Array): Uint8Array {
  const { etherType } = ethernetLayout.read(frame);
  const behind =
    etherType === EtherType.Ipv4 ? ipv4Layout.size : etherType === EtherType.Ipv6 ? ipv6Layout.size : 1;
  const missing = form === 'tcx' ? ethernetLayout.size + behind - frame.length : 0;
  return missing > 0 ? Uint8Array.from([...frame, ...new Uint8Array(missing)]) : frame;
}

/**
 * Where model and kernel differ over a row of packets; undefined when they are the same. Each is of segments of
 * `segmentBytes`, where the form knows such a thing; default: it is one segment.
 */
export function difference(
  kernel: Kernel,
  start: ForwardState,
  frames: readonly Uint8Array[],
  segments: readonly number[] = [],
): string | undefined {
  kernel.write(start, tickOf(nowNs));
  let state = start;
  const expected: Counts = {};
  for (const [index, came] of frames.entries()) {
    const frame = takenBy(kernel.form, came);
    const wanted = kernel.form === 'tcx' ? (segments[index] ?? 0) : 0;
    const { outcome, segmentBytes } = expectedOf(frame, state, wanted);
    const { verdict, packet } = kernel.run(frame, segmentBytes);
    const where = `packet ${index} (${Buffer.from(frame).toString('hex')})`;
    if (verdict !== outcome.verdict)
      return `${where}: ${outcome.verdict} (${outcome.counter}), the kernel says ${String(verdict)}`;
    if (verdict !== 'drop' && !Buffer.from(packet).equals(outcome.packet)) {
      return `${where}, ${outcome.counter}: ${Buffer.from(outcome.packet).toString('hex')}, the kernel made ${Buffer.from(packet).toString('hex')}`;
    }
    if (outcome.changes.length > 0) state = applied(state, outcome.changes);
    for (const [name, count] of Object.entries(countsOf(outcome, frame.length))) {
      expected[name] = (expected[name] ?? 0n) + count;
    }
  }
  for (const table of ['confirmed', 'unconfirmed'] as const) {
    const wrong = flowsDiffer(state.flows[table], kernel.flows(table));
    if (wrong !== undefined) return `${table}: ${wrong}`;
  }
  const text = (counts: Counts) =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .sort()
      .join(', ');
  const counts = kernel.counts();
  return text(expected) === text(counts)
    ? undefined
    : `counters: ${text(expected)}; in the kernel: ${text(counts)}`;
}

/** Runs `use` with a kernel that is closed afterwards. */
export function withKernel(form: FormName, use: (kernel: Kernel) => void): void {
  const kernel = new Kernel(form);
  try {
    use(kernel);
  } finally {
    kernel.close();
  }
}
