import { part } from './entry.ts';

/** Codes HEADGATE_CONTROL_*. */
export const controlErrors = part({
  HEADGATE_CONTROL_ADDRESS: {
    meaning: 'The control channel cannot listen on an address because it is not an address of this machine.',
    cure: 'correct the host of this node in the topology, or run the node on the machine that has the address',
  },
  HEADGATE_CONTROL_BUSY: {
    meaning:
      'A limit of the control channel was reached: connections, requests in flight or bytes not yet read.',
    cure: 'try again later; when it happens again, look for what connects or asks so often',
  },
  HEADGATE_CONTROL_CLOSED: {
    meaning: 'The control connection ended before the answer came.',
    cure: 'see the log of the other node for why it ended the connection, then try again',
  },
  HEADGATE_CONTROL_CLUSTER_MISMATCH: {
    meaning: 'The node at the other end holds the same key but belongs to a cluster of another name.',
    cure: 'use the same topology on both nodes, and a key of its own for each cluster',
  },
  HEADGATE_CONTROL_KEY_MISMATCH: {
    meaning: 'The node at the other end holds another cluster secret.',
    cure: 'copy the same key file to both nodes',
  },
  HEADGATE_CONTROL_LISTEN: {
    meaning: 'The control channel cannot listen, for another reason than a taken port or a foreign address.',
    cure: 'use a control port of 1024 or more, and a socket path of at most 107 bytes in a directory that exists and is yours',
  },
  HEADGATE_CONTROL_NODE_MISMATCH: {
    meaning: 'Another node of the cluster answers at the control port than the topology has there.',
    cure: 'start the node that the topology has there; one that had this control port before keeps it until it is restarted',
  },
  HEADGATE_CONTROL_PORT_TAKEN: {
    meaning: 'Another process listens on the port or socket of the control channel already.',
    cure: 'stop the other process, or give this node another port with control: in the topology',
  },
  HEADGATE_CONTROL_PROTOCOL: {
    meaning: 'What answers at the control port does not speak the control protocol of headgate as it should.',
    cure: 'check that the control port in the topology is the one of a headgate node, and that both run the same version',
  },
  HEADGATE_CONTROL_REFUSED: {
    meaning: 'Nothing listens on the control port or socket.',
    cure: 'start the node, or correct its host and control port in the topology',
  },
  HEADGATE_CONTROL_REFUSED_REQUEST: {
    meaning: 'The node answered a request with an error; the message is the one of that node.',
    cure: 'see the log of that node',
  },
  HEADGATE_CONTROL_TIMEOUT: {
    meaning: 'The node did not answer in time.',
    cure: 'check that the node is not stopped or overloaded',
  },
  HEADGATE_CONTROL_TOO_LARGE: {
    meaning: 'A control message is larger than a frame may be.',
    cure: 'ask for less at once',
  },
  HEADGATE_CONTROL_UNKNOWN_METHOD: {
    meaning: 'A node was asked for something it does not know.',
    cure: 'run the same version of headgate on all nodes',
  },
  HEADGATE_CONTROL_UNREACHABLE: {
    meaning: 'No TCP connection to the control port could be made.',
    cure: 'check that the host is up, and that no firewall stands between',
  },
});
