import type { Code } from '../asm/index.ts';

/** Program types by number (enum bpf_prog_type, include/uapi/linux/bpf.h). */
export const programTypes = Object.freeze({
  'socket-filter': 1,
  /** tc and tcx. */
  'sched-cls': 3,
  xdp: 6,
  'sk-reuseport': 21,
});

export type ProgramType = keyof typeof programTypes;

/** Attach types by number (enum bpf_attach_type). */
export const attachTypes = Object.freeze({
  xdp: 37,
  /** Chooses the listener of a new connection. */
  'sk-reuseport-select': 39,
  /** Also that of connections whose listener closes before they are accepted. */
  'sk-reuseport-select-or-migrate': 40,
  'tcx-ingress': 46,
  'tcx-egress': 47,
});

export type AttachType = keyof typeof attachTypes;

/** What an XDP program answers (enum xdp_action). */
export const XdpAction = { Aborted: 0, Drop: 1, Pass: 2, Tx: 3, Redirect: 4 } as const;

/** What a tc program answers (TC_ACT_*, and TCX_* which are the same numbers). */
export const TcAction = { Next: -1, Pass: 0, Drop: 2, Redirect: 7 } as const;

/** A program as data. Refers to maps by name; the loader puts the descriptors in. */
export interface ProgramSpec {
  readonly type: ProgramType;
  readonly instructions: Code;
  /** Where it will be attached, for types that want to know when loading. */
  readonly attachType?: AttachType;
  /** Default "Dual MIT/GPL", which opens the helpers reserved for GPL programs. */
  readonly license?: string;
  /** XDP: packets may be spread over several buffers (BPF_F_XDP_HAS_FRAGS). */
  readonly fragments?: boolean;
}
