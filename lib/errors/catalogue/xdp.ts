import { part } from './entry.ts';

/** Codes HEADGATE_XDP_*. */
export const xdpErrors = part({
  HEADGATE_XDP_LAYOUT: {
    meaning:
      'The maps pinned by an earlier director have another layout or other sizes, so this one cannot adopt them; packets go on being forwarded by the earlier program.',
    cure: 'start the earlier version, or one with the earlier sizes, again; or drain the director, remove what is pinned with headgate director --detach, and start anew',
  },
  HEADGATE_XDP_INTERFACE: {
    meaning:
      'The interface that a director forwards packets on is missing, has no MAC address, is loopback, or is of another kind than at its start.',
    cure: 'name an interface of this machine under directors.NAME.interface, or use forwarding: proxy',
  },
  HEADGATE_XDP_CAPACITY: {
    meaning: 'A service or balancer has an index beyond the capacity that the maps were made with.',
    cure: 'run fewer services or balancers on this director',
  },
});
