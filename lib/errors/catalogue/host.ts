import { part } from './entry.ts';

/** Codes HEADGATE_HOST_*: preparing the host of a balancer. */
export const hostErrors = part({
  HEADGATE_HOST_INTERFACE: {
    meaning: "The interface that a balancer's host must be prepared on cannot be found, or is the loopback.",
    cure: "run this on the balancer's host, give balancers.NAME.host an address of its network interface, or use forwarding: proxy",
  },
  HEADGATE_HOST_VIP: {
    meaning:
      "A VIP is an address of a network interface of the balancer's host, which would answer for it beside the director.",
    cure: 'remove it from that interface; headgate puts it on the loopback',
  },
  HEADGATE_HOST_SYSCTL: {
    meaning: "A setting of the kernel that a balancer's host needs could not be read or written.",
    cure: 'run as root, or set it before',
  },
  HEADGATE_HOST_ADDRESS: {
    meaning: 'A VIP could not be put on, or taken from, the loopback interface.',
    cure: 'run as root or grant CAP_NET_ADMIN',
  },
  HEADGATE_HOST_UNWRAP: {
    meaning: 'This host cannot unwrap tunnel packets, because eBPF programs cannot be attached through tcx.',
    cure: 'use Linux 6.6 or newer, or forwarding: dr or proxy',
  },
  HEADGATE_HOST_STATE: {
    meaning:
      'The record of what a host was like before it was prepared cannot be read, understood or written.',
    cure: 'run as the same user and version as before; else undo by hand what the file names, and remove it',
  },
  HEADGATE_HOST_BUSY: {
    meaning: 'Another process has been preparing the same host for too long.',
    cure: 'try again; when that does not help, look for a headgate process that hangs',
  },
});
