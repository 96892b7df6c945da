import { etcdVariables } from '../lib/etcd/index.ts';

/** Variables of the environment that headgate reads, besides the one a topology may name for its secret. */
export const environment = {
  /** Topology file of commands that get none. */
  topology: 'HEADGATE_TOPOLOGY',
  /** Directory of the admin sockets. */
  runtimeDirectory: 'HEADGATE_RUNTIME_DIR',
  /** Mount point of the bpf file system that directors pin their maps in; default /sys/fs/bpf. */
  bpffs: 'HEADGATE_BPFFS',
  /** Directory of what nodes keep over restarts. */
  stateDirectory: 'HEADGATE_STATE_DIR',
  /** Log level of nodes that get none. */
  logLevel: 'HEADGATE_LOG_LEVEL',
  /** How a topology in etcd is reached. */
  etcdCa: etcdVariables.ca,
  etcdCert: etcdVariables.cert,
  etcdKey: etcdVariables.key,
  etcdUser: etcdVariables.user,
  etcdPassword: etcdVariables.password,
  etcdPasswordFile: etcdVariables.passwordFile,
} as const;
