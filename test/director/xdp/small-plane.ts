/**
 * A whole director on a veth pair of this process: its decisions, the plane and the program are the real ones; heartbeats,
 * sockets of the proxy, ways to hosts and the clock are made up. Packets go through the program by BPF_PROG_TEST_RUN.
 */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ControlKey, type ControlServer } from '../../../lib/control/index.ts';
import { BpfMap, loadCollection, XdpAction, type Collection } from '../../../lib/linux/bpf/index.ts';
import { buildPacket, formatIp, formatMac, parseFrame, TcpFlag } from '../../../lib/packet/index.ts';
import { startDirectorWith } from '../../../director/director.ts';
import { tickOf } from '../../../director/forward/index.ts';
import type { ServiceMode } from '../../../director/forwarding-mode.ts';
import type { PacketPlaneKind } from '../../../director/packet-planes.ts';
import { kernelModes } from '../../../director/xdp/modes.ts';
import {
  DataPath,
  defaultCapacity,
  forwardProgram,
  mapSpecs,
  XdpPlane,
  type Capacity,
} from '../../../director/xdp/index.ts';
import { isBpffs } from '../../../lib/linux/bpf/index.ts';
import type { TierNode } from '../../../node/index.ts';
import type { Topology } from '../../../topology/index.ts';
import { ManualClock } from '../../manual-clock.ts';
import { fakeRelay, type FakeRelay } from '../fake-relay.ts';
import { FakeHeartbeats, silentLog } from '../fixtures.ts';
import { clientMac, ownMac } from '../forward/world.ts';

export const vip = '203.0.113.10';
export const vipPort = 9_000;
/** Where the clients of the fake relay come from. */
const client = '192.0.2.1';

const capacity: Capacity = {
  ...defaultCapacity,
  services: 4,
  balancers: 8,
  flows: 1_024,
  unconfirmedFlows: 1_024,
};

/** The last byte of a balancer's host is that of its MAC address. */
const macOf = (host: string): string => `02:00:00:00:0b:0${host.split('.').at(-1)}`;

/** What became of a packet. */
export type Fate =
  | { readonly kind: 'sent'; readonly host: string; readonly mode: ServiceMode }
  | { readonly kind: 'reset' | 'passed' | 'dropped' };

type Runner = Collection<{
  readonly maps: ReturnType<typeof mapSpecs>;
  readonly programs: { readonly headgate: ReturnType<typeof forwardProgram> };
}>;

export interface SmallPlaneOptions {
  /** On a bpf file system. */
  readonly directory: string;
  readonly ifindex: number;
  readonly clock: ManualClock;
  /** A packet of the bereaved. */
  readonly onNotice?: (packet: Uint8Array) => void;
  /** Other planes of the director. */
  readonly kinds?: readonly PacketPlaneKind[];
  readonly log?: Logger;
}

/** One process of a director after the other, over the same pins. */
export class SmallPlane {
  readonly #options: SmallPlaneOptions;
  #node: TierNode | undefined;
  #plane: XdpPlane | undefined;
  #beats: FakeHeartbeats | undefined;
  #relay: FakeRelay | undefined;
  #runner: Runner | undefined;

  constructor(options: SmallPlaneOptions) {
    this.#options = options;
  }

  get beats(): FakeHeartbeats {
    return this.#beats!;
  }

  get relay(): FakeRelay {
    return this.#relay!;
  }

  get directory(): string {
    return this.#options.directory;
  }

  get node(): TierNode {
    return this.#node!;
  }

  get plane(): XdpPlane {
    return this.#plane!;
  }

  /** The maps, whoever lives. */
  get maps(): Runner['maps'] {
    return this.#runner!.maps;
  }

  /** Starts a process. */
  async start(topology: Topology): Promise<void> {
    const { clock } = this.#options;
    const { createRelay, relay } = fakeRelay();
    const starting = startDirectorWith(
      {
        topology,
        node: 'd1',
        key: ControlKey.fromSecret(new Uint8Array(32)),
        control: { handle: () => undefined } as unknown as ControlServer,
        log: this.#options.log ?? silentLog,
        logFormat: 'json',
        clock,
      },
      {
        createRelay,
        createHeartbeats: (options) => (this.#beats = new FakeHeartbeats(options)),
        preface: () => new Uint8Array(),
        limit: 1_000,
        random: () => 0.5,
        packetPlanes: [this.#kind(), ...(this.#options.kinds ?? [])],
      },
    );
    this.#node = await this.settle(starting);
    this.#relay = relay();
    this.#runner ??= this.#openRunner();
  }

  /** The process ends; what is pinned goes on. */
  async kill(): Promise<void> {
    const node = this.#node;
    this.#node = undefined;
    if (node !== undefined) await this.settle(node.close());
  }

  /** Lets the director take notice of a new topology. */
  async apply(topology: Topology): Promise<void> {
    await this.settle(this.#node!.apply(topology));
  }

  /**
   * Time passes, in steps in which walks over the flows come to their end; a walk seems to take as long as a step, and
   * the next comes after nineteen times that.
   */
  async wait(ms: number, stepMs = 100): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.#options.clock.advance(Math.min(left, stepMs));
      await rest();
    }
  }

  /** The end of a promise that wants time to pass. */
  async settle<Result>(promise: Promise<Result>): Promise<Result> {
    let isOver = false;
    const over = (): void => void (isOver = true);
    promise.then(over, over);
    await rest();
    while (!isOver) {
      this.#options.clock.advance(50);
      await rest();
    }
    return promise;
  }

  /** A segment of a client to the VIP, as the program treats it. */
  send(port: number, flags: number): Fate {
    const frame = buildPacket({
      ethernet: { source: clientMac, destination: ownMac },
      ip: { source: client, destination: vip },
      tcp: { sourcePort: port, destinationPort: vipPort, sequence: 1, acknowledgment: 77, flags },
    });
    const { result, data } = this.#runner!.programs.headgate.test({ data: frame });
    if (result === XdpAction.Pass) return { kind: 'passed' };
    return result === XdpAction.Tx ? fateOf(data) : { kind: 'dropped' };
  }

  close(): void {
    this.#runner?.close();
  }

  #kind(): PacketPlaneKind {
    const { directory, ifindex, clock, onNotice } = this.#options;
    const sources = new Map<string, string>();
    const wire = { ifindex, name: 'hg-xdp-a', mac: ownMac, mtu: 1_500, native: false };
    return {
      name: 'xdp',
      modes: kernelModes,
      takesVip: false,
      endsBy: 'nothing',
      lack: () => undefined,
      isPinned: () => isBpffs(directory),
      open: ({ director, topology, tier, proxied }) =>
        (this.#plane = new XdpPlane({
          path: DataPath.open({ directory, ifindex, mode: 'generic', capacity }),
          wire,
          lookAtWire: () => wire,
          ways: {
            set: (hosts) => {
              for (const host of hosts) sources.set(host, director.host);
            },
            get: (host) => {
              const source = sources.get(host);
              if (source === undefined) return undefined;
              return { ifindex, direct: true, local: false, mac: macOf(host), source };
            },
            close: () => undefined,
          },
          host: director.host,
          topology,
          clock: tier.clock,
          log: tier.log,
          tick: () => tickOf(BigInt(Math.floor(clock.now() * 1e6))),
          pause: () => Promise.resolve(),
          proxied,
          sender: {
            send: (packet: Uint8Array) => {
              onNotice?.(packet);
              return 'sent';
            },
            close: () => undefined,
          },
          random: () => 0.5,
        })),
    };
  }

  /** The program of the plane with descriptors of its own. */
  #openRunner(): Runner {
    const maps = mapSpecs(capacity);
    const programs = { headgate: forwardProgram(capacity.tableSize, 'xdp') };
    const reuse = Object.fromEntries(
      Object.entries(maps).map(([name, spec]) => [
        name,
        BpfMap.open(join(this.#options.directory, name), name, spec),
      ]),
    );
    return loadCollection({ maps, programs }, { reuse }) as Runner;
  }
}

/** Where a frame goes that was sent: the mode is seen in its shape. */
function fateOf(data: Uint8Array): Fate {
  const frame = parseFrame(data);
  const mac = formatMac(data.subarray(0, 6));
  const { ip, transport } = frame;
  if (transport?.kind === 'tcp' && (transport.flags & TcpFlag.Rst) !== 0) return { kind: 'reset' };
  const destination = ip === undefined ? '' : formatIp(ip.destination);
  const mode = frame.inner !== undefined ? 'tun' : destination === vip ? 'dr' : 'nat';
  return { kind: 'sent', host: `10.0.1.${Number.parseInt(mac.slice(-2), 16)}`, mode };
}

/** What was begun goes on as far as it can without time. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
