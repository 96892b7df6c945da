import { linkCreate, linkInfo, linkOnly, linkUpdate } from '../sys/attributes.ts';
import { attributesOf, bpf } from '../sys/bpf.ts';
import { Command } from '../sys/command.ts';
import { door } from '../sys/door.ts';
import { Descriptor } from '../sys/descriptor.ts';
import { bpfError, Errno } from '../sys/errno.ts';
import { readInfo } from '../sys/object.ts';
import { openPinned, pinObject } from '../pin/pin.ts';
import type { Program } from '../program/index.ts';

/**
 * How an XDP program is attached: in the driver, in the network stack behind it, or in the driver if that
 * works.
 */
export type XdpMode = 'native' | 'generic' | 'any';

/** Where a program meets incoming packets: on XDP in one of its modes, or on tc (tcx), where socket buffers are. */
export type Hook = XdpMode | 'tcx';

/** XDP_FLAGS_SKB_MODE and XDP_FLAGS_DRV_MODE, include/uapi/linux/if_link.h. */
const XDP_MODE_FLAGS = { generic: 2, native: 4 } as const;
/** enum bpf_attach_type. */
const BPF_XDP = 37;
const BPF_TCX = { ingress: 46, egress: 47 } as const;
/** BPF_F_REPLACE: update only when the program is the expected one. */
const BPF_F_REPLACE = 4;
/** include/uapi/linux/if.h. */
const IF_NAMESIZE = 16;
/** enum bpf_link_type. */
const LINK_KINDS: Readonly<Record<number, 'xdp' | 'tcx'>> = { 6: 'xdp', 11: 'tcx' };

export interface LinkInfo {
  readonly id: number;
  readonly kind: 'xdp' | 'tcx' | 'other';
  readonly programId: number;
  /** 0 when the link is detached or its interface is gone. */
  readonly ifindex: number;
}

/**
 * A program attached to an interface. Owns its descriptor: when the last descriptor and pin are gone, so is
 * the attachment. All methods throw HEADGATE_BPF_LINK with the errno in the cause when the kernel refuses.
 */
export class Link {
  /**
   * How an XDP link is attached; undefined for tcx and for links opened from a pin (the kernel does not
   * tell).
   */
  readonly mode: 'native' | 'generic' | undefined;
  readonly #descriptor: Descriptor;

  private constructor(descriptor: Descriptor, mode?: 'native' | 'generic') {
    this.#descriptor = descriptor;
    this.mode = mode;
  }

  /**
   * Attaches an XDP program. `any` tries native and falls back to generic when the driver cannot. Throws
   * HEADGATE_BPF_LINK; its fact `busy` says that another program is there, `missing` that the interface is
   * not.
   */
  static attachXdp(program: Program, ifindex: number, mode: XdpMode = 'any'): Link {
    const first = mode === 'generic' ? 'generic' : 'native';
    const result = create(program.fd, ifindex, BPF_XDP, XDP_MODE_FLAGS[first]);
    if (result >= 0) return new Link(new Descriptor(result, `link of ${program.name}`), first);
    // Drivers refuse in many ways (EOPNOTSUPP, EINVAL, ERANGE for a large MTU); these are not about the driver.
    const final = [Errno.EBUSY, Errno.EEXIST, Errno.EPERM].some((errno) => errno === -result);
    if (mode === 'any' && !final) return Link.attachXdp(program, ifindex, 'generic');
    throw attachError(program, `${first} XDP`, ifindex, result);
  }

  /** Attaches a sched-cls program behind those that are there (tcx). Throws HEADGATE_BPF_LINK. */
  static attachTcx(program: Program, ifindex: number, direction: 'ingress' | 'egress'): Link {
    const result = create(program.fd, ifindex, BPF_TCX[direction], 0);
    if (result < 0) throw attachError(program, `tcx ${direction}`, ifindex, result);
    return new Link(new Descriptor(result, `link of ${program.name}`));
  }

  /** Attaches a program for incoming packets: of type sched-cls for `tcx`, else xdp. Throws HEADGATE_BPF_LINK. */
  static attach(program: Program, ifindex: number, hook: Hook): Link {
    return hook === 'tcx'
      ? Link.attachTcx(program, ifindex, 'ingress')
      : Link.attachXdp(program, ifindex, hook);
  }

  /** Opens a pinned link. Throws HEADGATE_BPF_PIN, HEADGATE_BPF_PIN_MISMATCH. */
  static open(path: string): Link {
    return new Link(openPinned(path, 'link'));
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  /**
   * Puts another program in the place of the running one: each packet meets the old or the new one. With
   * `expected`, only when that one is attached (else EPERM).
   */
  update(program: Program, expected?: Program): void {
    const attributes = attributesOf(linkUpdate, {
      linkFd: this.fd,
      newProgramFd: program.fd,
      flags: expected === undefined ? 0 : BPF_F_REPLACE,
      oldProgramFd: expected?.fd ?? 0,
    });
    const result = bpf(Command.LinkUpdate, attributes);
    if (result < 0) {
      const what = `replace the program of a link by ${program.name}`;
      throw bpfError('HEADGATE_BPF_LINK', what, Command.LinkUpdate, result);
    }
  }

  /** Takes the program off the interface at once, pinned or not. The link stays as an empty shell. */
  detach(): void {
    const result = bpf(Command.LinkDetach, attributesOf(linkOnly, { linkFd: this.fd }));
    if (result < 0) throw bpfError('HEADGATE_BPF_LINK', 'detach a link', Command.LinkDetach, result);
  }

  info(): LinkInfo {
    const { id, type, programId, ifindex } = readInfo(this.fd, linkInfo);
    return { id, kind: LINK_KINDS[type] ?? 'other', programId, ifindex };
  }

  /**
   * Gives the link a place in bpffs: the program stays attached when this process is gone. Throws
   * HEADGATE_BPF_PIN, …
   */
  pin(path: string): void {
    pinObject(this.fd, path);
  }

  /** Idempotent. Detaches unless the link is pinned or open elsewhere. */
  close(): void {
    this.#descriptor.close();
  }
}

function create(programFd: number, target: number, attachType: number, flags: number): number {
  return bpf(Command.LinkCreate, attributesOf(linkCreate, { programFd, target, attachType, flags }));
}

function attachError(program: Program, how: string, ifindex: number, result: number): Error {
  return bpfError(
    'HEADGATE_BPF_LINK',
    `attach eBPF program ${program.name} to interface ${ifindex} (${how})`,
    Command.LinkCreate,
    result,
    { ifindex, busy: -result === Errno.EBUSY || -result === Errno.EEXIST, missing: !exists(ifindex) },
  );
}

/** XDP answers EINVAL for a missing interface as for much else, so it is asked apart. */
function exists(ifindex: number): boolean {
  return door().if_indextoname(ifindex, new Uint8Array(IF_NAMESIZE)) !== null;
}
