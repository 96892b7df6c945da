import { part } from './entry.ts';

/**
 * Codes HEADGATE_BPF_*, and HEADGATE_LAYOUT_* of the byte layouts the programs share with the control plane.
 */
export const bpfErrors = part({
  HEADGATE_LAYOUT_INVALID: {
    meaning:
      'A byte layout is misaligned, has a gap that is not written down, or does not have the asserted size.',
    cure: 'report this: the layout is part of headgate',
  },
  HEADGATE_LAYOUT_VALUE: {
    meaning: 'A value does not fit the field of the byte layout it was written to.',
    cure: 'report this with the message: it is a fault in headgate',
  },
  HEADGATE_BPF_ASSEMBLY: {
    meaning:
      'An eBPF program cannot be encoded: a number out of range, or a label that is missing or twice there.',
    cure: 'report this with the message: it is a fault in headgate',
  },
  HEADGATE_BPF_SPEC: {
    meaning: 'The description of an eBPF map, program or collection contradicts itself.',
    cure: 'report this with the message: it is a fault in headgate',
  },
  HEADGATE_BPF_UNAVAILABLE: {
    meaning: 'This machine, or this container, does not let headgate use eBPF.',
    cure: 'run as root or grant CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, or use forwarding: proxy',
  },
  HEADGATE_BPF_MAP: {
    meaning: 'An operation on an eBPF map failed.',
    cure: 'when the map is full or too large (E2BIG, ENOMEM), configure fewer flows or give the machine more memory; else report this',
  },
  HEADGATE_BPF_VERIFIER: {
    meaning: "The kernel's verifier refused an eBPF program; the full log is in the facts of the error.",
    cure: 'report this with the message and the kernel version, or use forwarding: proxy meanwhile',
  },
  HEADGATE_BPF_PROGRAM: {
    meaning: 'The kernel could not load or run an eBPF program for a reason other than its instructions.',
    cure: 'report this with the message and the kernel version, or use forwarding: proxy meanwhile',
  },
  HEADGATE_BPF_LINK: {
    meaning: 'An eBPF program could not be attached to, replaced on or detached from a network interface.',
    cure: 'check that the interface exists and that no other program is attached (ip link show)',
  },
  HEADGATE_BPF_PIN: {
    meaning: 'An eBPF object could not be pinned to, or opened from, the bpf file system.',
    cure: 'check the path (names with a dot are reserved), and whether this user may write there',
  },
  HEADGATE_BPF_PIN_MISMATCH: {
    meaning:
      'A pinned eBPF object exists but is not of the kind or shape that this version of headgate uses.',
    cure: 'detach what another version has left behind (headgate director --detach), then start again',
  },
  HEADGATE_BPF_NO_BPFFS: {
    meaning: 'The directory for pinned eBPF objects is not on a bpf file system.',
    cure: 'mount one: mount -t bpf bpf /sys/fs/bpf',
  },
  HEADGATE_BPF_CLOSED: {
    meaning: 'An eBPF map, program or link was used after it was closed.',
    cure: 'report this with the message: it is a fault in headgate',
  },
});
