import { part } from './entry.ts';

/** Codes HEADGATE_TOPOLOGY_*. */
export const topologyErrors = part({
  HEADGATE_TOPOLOGY_INVALID: {
    meaning:
      'The topology has problems; each is told with its file, line and column. A running topology stays.',
    cure: 'run headgate topology check FILE to see all of them',
  },
  HEADGATE_TOPOLOGY_UNREADABLE: {
    meaning: 'The topology file cannot be read.',
    cure: 'check the path and who may read it',
  },
  HEADGATE_TOPOLOGY_TOO_LARGE: {
    meaning: 'The topology file is larger than 4 MiB.',
    cure: 'check that it is the file you mean; 1,024 nodes per tier need a fraction of that',
  },
  HEADGATE_TOPOLOGY_SYNTAX: {
    meaning: 'The file is not one valid YAML document in UTF-8.',
    cure: 'repair the YAML at the place that is named',
  },
  HEADGATE_TOPOLOGY_UNKNOWN_KEY: {
    meaning: 'A map has a key that means nothing there.',
    cure: 'write one of the keys that are listed, or remove it',
  },
  HEADGATE_TOPOLOGY_MISSING_KEY: {
    meaning: 'A map lacks a key that has no default.',
    cure: 'add the key; docs/topology.md says what belongs there',
  },
  HEADGATE_TOPOLOGY_DUPLICATE_KEY: {
    meaning: 'A key is written twice in one map.',
    cure: 'keep one of the two',
  },
  HEADGATE_TOPOLOGY_INVALID_VALUE: {
    meaning: 'A value is of the wrong kind, out of range, or does not fit what stands beside it.',
    cure: 'write what the message says was expected',
  },
  HEADGATE_TOPOLOGY_DUPLICATE_NAME: {
    meaning: 'Two nodes bear the same name; names are unique over all tiers.',
    cure: 'rename one of them',
  },
  HEADGATE_TOPOLOGY_UNKNOWN_NAME: {
    meaning: 'The file names a node or a service that it does not define.',
    cure: 'define it, or write the name of one that exists',
  },
  HEADGATE_TOPOLOGY_ADDRESS_CONFLICT: {
    meaning: 'Two things would listen on the same address and port of one machine.',
    cure: 'give one of them another address or port',
  },
  HEADGATE_TOPOLOGY_VIP: {
    meaning: 'The VIP of a service does not fit its forwarding: packets to it could not be told from others.',
    cure: 'give the service an address of its own that no host has, or use forwarding: proxy',
  },
  HEADGATE_TOPOLOGY_EMPTY_TIER: {
    meaning: 'A tier has no node, or there is no service.',
    cure: 'add at least one entry',
  },
  HEADGATE_TOPOLOGY_DEFAULT_HASH_KEY: {
    meaning:
      'Warning: hashKey is derived from the name of the cluster, so outsiders can compute which balancer they get.',
    cure: 'set hashKey to 32 random hexadecimal digits before going to production; the change spreads new connections anew',
  },
  HEADGATE_TOPOLOGY_NOTHING_ELIGIBLE: {
    meaning:
      'Warning: every node a service could use is draining or has weight 0, so new connections are refused.',
    cure: 'undrain one of them or give it a weight',
  },
  HEADGATE_TOPOLOGY_UNUSED: {
    meaning: 'Warning: something in the file has no effect, such as a node that no service uses.',
    cure: 'use it or remove it',
  },
  HEADGATE_TOPOLOGY_UNREACHABLE: {
    meaning:
      'Warning: the addresses of two tiers fit together only if machines have more addresses than the file says.',
    cure: 'check that each machine reaches the addresses of the tier behind it',
  },
  HEADGATE_TOPOLOGY_NO_SUCH_NODE: {
    meaning: 'No node of that name is in the topology, or not in that tier.',
    cure: 'pass the name of a node that is in the file',
  },
  HEADGATE_TOPOLOGY_NODE_AMBIGUOUS: {
    meaning: "Several nodes of the tier have one of this machine's addresses.",
    cure: 'pass --node NAME',
  },
  HEADGATE_TOPOLOGY_NODE_NOT_HERE: {
    meaning: "No node of the tier has one of this machine's addresses.",
    cure: 'pass --node NAME, or correct the address in the file',
  },
  HEADGATE_TOPOLOGY_SECRET_MISSING: {
    meaning: 'The key file or the environment variable that holds the cluster secret is not there.',
    cure: 'make a key with headgate topology new-secret FILE and copy it to every host',
  },
  HEADGATE_TOPOLOGY_SECRET_UNREADABLE: {
    meaning: 'The key file cannot be read.',
    cure: 'check that it is a file and belongs to the user headgate runs as',
  },
  HEADGATE_TOPOLOGY_SECRET_EXPOSED: {
    meaning: 'The key file can be read or written by others than its owner.',
    cure: 'chmod 600 the file; make a new key if others may have read it',
  },
  HEADGATE_TOPOLOGY_SECRET_WEAK: {
    meaning: 'The secret is not hexadecimal or base64 text of at least 16 random bytes.',
    cure: 'make one with headgate topology new-secret FILE',
  },
  HEADGATE_TOPOLOGY_SECRET_UNWRITABLE: {
    meaning: 'The key file cannot be made.',
    cure: 'check that the directory exists and may be written to',
  },
  HEADGATE_TOPOLOGY_SECRET_EXISTS: {
    meaning: 'There is a key file already; it is never overwritten.',
    cure: 'use it, or move it away first: every node needs the new one then',
  },
  HEADGATE_TOPOLOGY_EDIT_UNSUPPORTED: {
    meaning: 'The file is written in a way that this edit cannot change safely, such as with an alias.',
    cure: 'edit the file by hand',
  },
  HEADGATE_TOPOLOGY_CHANGED_MEANWHILE: {
    meaning: 'The file was changed by somebody else during the edit; nothing was written.',
    cure: 'run the command again',
  },
  HEADGATE_TOPOLOGY_UNWRITABLE: {
    meaning: 'The changed topology file cannot be written; the old one is as it was.',
    cure: 'check who may write to the file and its directory',
  },
  HEADGATE_TOPOLOGY_UNWATCHABLE: {
    meaning:
      'The kernel does not report changes of the topology file; it is looked at every two seconds instead.',
    cure: 'raise fs.inotify.max_user_watches and max_user_instances, or reload with SIGHUP',
  },
});
