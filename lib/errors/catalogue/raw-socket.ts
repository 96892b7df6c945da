import { part } from './entry.ts';

/** Codes HEADGATE_RAW_SOCKET_*. */
export const rawSocketErrors = part({
  HEADGATE_RAW_SOCKET_UNAVAILABLE: {
    meaning:
      'The optional npm package raw-socket, which raw sockets go through, is not installed or not built.',
    cure: 'install python3, make and g++ and run npm rebuild raw-socket, or use forwarding: proxy',
  },
  HEADGATE_RAW_SOCKET_PERMISSION: {
    meaning: 'The kernel does not let this process open raw sockets.',
    cure: 'run as root or with CAP_NET_RAW (containers: --cap-add NET_RAW), or use forwarding: proxy',
  },
  HEADGATE_RAW_SOCKET_FAILED: {
    meaning: 'A call on a raw socket failed; the fact code names the errno.',
    cure: '',
  },
});
