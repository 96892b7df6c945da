import { addressFamily } from '../address/index.ts';
import { describeError } from '../errors/index.ts';
import { withHost, type Host } from './host.ts';
import { tunnelMss } from './mss.ts';
import { changeKey, claim, release, withOwner, type Change, type HostState, type Owner } from './state.ts';
import { ownProcess, StateFile } from './state-file.ts';
import {
  noCounts,
  removePins,
  Tunnel,
  tunnelAvailable,
  type TunnelWishes,
  type UnwrapCounter,
} from './unwrap/index.ts';
import type { HostBinding, HostOptions, HostWishes, PreparedHost } from './types.ts';
import { undoOwner } from './undo.ts';
import { wantedChanges } from './wanted.ts';

/** The interface that would be prepared. Changes nothing. Throws HEADGATE_HOST_INTERFACE. */
export function hostBinding({
  host,
  directors,
  mtu,
}: Pick<HostOptions, 'host' | 'directors' | 'mtu'>): HostBinding {
  return withHost((look) => look.binding(host, directors, mtu));
}

/**
 * Prepares this host: the VIPs on the loopback, what keeps it from answering and asking by ARP in their name, a reverse
 * path check that lets their packets in, and for `tun` the programs that unwrap and lower the MSS. What was there before
 * is written down first. Doing it twice is harmless. When something fails, what was done is undone.
 *
 * Throws HEADGATE_HOST_INTERFACE, _VIP (the host holds a VIP openly), _SYSCTL, _ADDRESS, _UNWRAP, _STATE, _BUSY,
 * HEADGATE_LINUX_UNAVAILABLE or HEADGATE_BPF_*.
 */
export async function prepareHost(options: HostOptions): Promise<PreparedHost> {
  const prepared = new Preparation(options);
  await prepared.update(options);
  return prepared;
}

class Preparation implements PreparedHost {
  readonly #options: HostOptions;
  readonly #file: StateFile;
  #binding: HostBinding;
  #mss: ReadonlyMap<string, number> = new Map();
  #tunnel: Tunnel | undefined;
  #log: string[] = [];

  constructor(options: HostOptions) {
    this.#options = options;
    this.#binding = hostBinding(options);
    this.#file = new StateFile(options.stateDirectory);
  }

  get binding(): HostBinding {
    return this.#binding;
  }

  takeLog(): readonly string[] {
    const log = this.#log;
    this.#log = [];
    return log;
  }

  mss(vip: string): number | undefined {
    return this.#mss.get(vip);
  }

  counters(): Readonly<Record<UnwrapCounter, number>> {
    return this.#tunnel?.counters() ?? noCounts;
  }

  async update(wishes: HostWishes): Promise<void> {
    await this.#file.locked(() => withHost((host) => this.#apply(host, wishes)));
  }

  async undo(): Promise<void> {
    await this.#file.locked(() => {
      this.#tunnel?.detach();
      this.#tunnel = undefined;
      this.#mss = new Map();
      this.#log.push(...undoOwner(this.#file, this.#options.owner));
    });
  }

  #apply(host: Host, wishes: HostWishes): void {
    const { owner, host: address, mtu, pinDirectory } = this.#options;
    const directors = wishes.directors.filter((each) => addressFamily(each) === addressFamily(address));
    const binding = host.binding(address, directors, mtu);
    host.refuseForeign(wishes.vips);
    const mss = new Map(
      wishes.vips.flatMap((vip) =>
        vip.mode === 'tun' ? [[vip.address, tunnelMss(binding.mtu, address, vip.address)] as const] : [],
      ),
    );
    if (mss.size > 0) tunnelAvailable();

    const before = this.#file.read();
    const { claims, todo } = wantedChanges(before, binding, wishes.vips, host);
    const identity: Owner = {
      name: owner,
      ...(pinDirectory === undefined ? { process: ownProcess() } : { pinDirectory }),
    };
    const claimed = claims.reduce(
      (state, change) => claim(state, owner, change),
      withOwner(before, identity),
    );
    // Written before anything is done: whoever finds it after a crash knows all that may have been done.
    this.#file.write(claimed);
    const done: Change[] = [];
    try {
      for (const change of todo) {
        const words = host.apply(change);
        if (words !== undefined) done.push(change);
        this.#say(words);
      }
      this.#applyTunnel({
        ingress: binding.ifindex,
        egress: [...new Set([binding.ifindex, ...host.waysOut()])],
        host: address,
        directors,
        vips: mss,
      });
    } catch (error) {
      this.#takeBack(host, done, before);
      throw error;
    }
    this.#binding = binding;
    this.#mss = mss;
    const { state, undo } = release(claimed, owner, new Set(claims.map(changeKey)));
    for (const change of undo) this.#say(host.revert(change));
    this.#file.write(state);
  }

  /** What fails here stays on record, so that an undo finds it; the error that led here is the one to tell. */
  #takeBack(host: Host, done: readonly Change[], before: HostState): void {
    try {
      for (const change of done.toReversed()) this.#say(host.revert(change));
      this.#file.write(before);
    } catch (error) {
      this.#say(describeError(error));
    }
  }

  #say(words: string | undefined): void {
    if (words !== undefined) this.#log.push(words);
  }

  #applyTunnel(wishes: TunnelWishes): void {
    const { pinDirectory } = this.#options;
    if (wishes.vips.size === 0) {
      const pinned = pinDirectory !== undefined && removePins(pinDirectory);
      if (this.#tunnel !== undefined || pinned) this.#say('took the tunnel programs off');
      this.#tunnel?.detach();
      this.#tunnel = undefined;
      return;
    }
    if (this.#tunnel !== undefined) return this.#tunnel.update(wishes);
    this.#tunnel = Tunnel.open(wishes, pinDirectory);
    const limits = [...new Set(wishes.vips.values())].join(', ');
    this.#say(`unwrapping tunnel packets; MSS lowered to ${limits}`);
  }
}
