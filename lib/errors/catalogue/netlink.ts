import { part } from './entry.ts';

/** Codes HEADGATE_NETLINK_*. */
export const netlinkErrors = part({
  HEADGATE_NETLINK_REFUSED: {
    meaning:
      "The kernel refused a question about, or a change of, the host's interfaces, addresses, neighbours or routes; facts name errno and its code.",
    cure: '',
  },
  HEADGATE_NETLINK_MALFORMED: {
    meaning: "An answer of the kernel about the host's network is cut short or cannot be understood.",
    cure: 'report this with the message and the kernel version',
  },
  HEADGATE_NETLINK_UNSTEADY: {
    meaning: 'A list of interfaces, addresses or neighbours changed every time the kernel was asked for it.',
    cure: 'try again when the network of this host is quiet',
  },
});
