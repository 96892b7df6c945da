import { part } from './entry.ts';

/** Codes HEADGATE_RELAY_*. */
export const relayErrors = part({
  HEADGATE_RELAY_PORT_TAKEN: {
    meaning: 'Another process listens on the address and port of a service.',
    cure: 'end that process (ss -ltnp shows it) or choose another port in the topology',
  },
  HEADGATE_RELAY_ADDRESS_NOT_LOCAL: {
    meaning: 'The address of a service does not belong to this machine.',
    cure: 'add the address to an interface, or correct it in the topology',
  },
  HEADGATE_RELAY_PORT_FORBIDDEN: {
    meaning: 'This user may not listen on the port of a service.',
    cure: 'use a port of 1024 or above, or give the process CAP_NET_BIND_SERVICE',
  },
  HEADGATE_RELAY_REUSEPORT_UNAVAILABLE: {
    meaning: 'Several processes should share a port, which needs SO_REUSEPORT, and this machine cannot.',
    cure: 'run one worker, or use Linux with koffi installed',
  },
  HEADGATE_RELAY_LISTEN_FAILED: {
    meaning: 'Listening on the address of a service failed for another reason.',
    cure: 'read the cause in the message',
  },
  HEADGATE_RELAY_CONNECT_REFUSED: {
    meaning: 'A destination refused the connection or could not be reached.',
    cure: 'check that the destination runs and listens on the address in the topology',
  },
  HEADGATE_RELAY_CONNECT_TIMEOUT: {
    meaning: 'A destination did not answer the connection attempt in time.',
    cure: 'check the destination and the network to it, or raise connectTimeout',
  },
  HEADGATE_RELAY_CONNECT_LOCAL: {
    meaning:
      'A connection could not be begun because this process or host ran out of descriptors, ports or memory.',
    cure: 'raise the limit of open files (ulimit -n), or add workers or balancers',
  },
  HEADGATE_RELAY_ENGINE_UNKNOWN: {
    meaning: 'The environment variable HEADGATE_ENGINE names no engine.',
    cure: 'set HEADGATE_ENGINE to auto, node or uring, or unset it',
  },
  HEADGATE_RELAY_CLIENT_GONE: {
    meaning: 'The client left before its destination was connected.',
    cure: '',
  },
  HEADGATE_RELAY_CLOSED: {
    meaning: 'The relay was closed.',
    cure: '',
  },
});
