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
} as const;
