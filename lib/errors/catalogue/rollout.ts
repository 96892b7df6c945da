import { part } from './entry.ts';

/** Codes HEADGATE_ROLLOUT_*. */
export const rolloutErrors = part({
  HEADGATE_ROLLOUT_BUSY: {
    meaning: 'Another roll-out is under way; of two at once one goes on and the other is told so.',
    cure: 'wait for it to end, look at headgate topology show, then plan again',
  },
  HEADGATE_ROLLOUT_STALE: {
    meaning: 'The cluster has moved to a newer generation since the roll-out was planned.',
    cure: 'look at headgate topology show, then plan and apply again',
  },
  HEADGATE_ROLLOUT_REFUSED: {
    meaning: 'A node refused the topology, or did not answer, in phase one; no node has switched.',
    cure: 'cure what the node says, or leave it out with --skip NODE: it catches up when it can',
  },
  HEADGATE_ROLLOUT_UNREACHABLE: {
    meaning: 'A node is up for the others but does not answer the roll-out; no node has switched.',
    cure: 'check the network from here to its control port, or leave it out with --skip NODE',
  },
  HEADGATE_ROLLOUT_INVALID: {
    meaning: 'The topology is not valid on this node, or means something else to it.',
    cure: 'run the same headgate version on every node',
  },
  HEADGATE_ROLLOUT_SECRET: {
    meaning: 'The topology names a secret that this node cannot read, or another one than it uses.',
    cure: 'put the same key file where the topology says on every host; a roll-out does not change the secret',
  },
  HEADGATE_ROLLOUT_CLUSTER: {
    meaning: 'The topology is that of another cluster.',
    cure: 'check that it is the file you mean; the name of a running cluster is not changed by a roll-out',
  },
  HEADGATE_ROLLOUT_TOO_LARGE: {
    meaning: 'The text of the topology is too long for a roll-out.',
    cure: 'shorten it; comments count',
  },
  HEADGATE_ROLLOUT_REQUEST: {
    meaning: 'A request of a roll-out is not as it should be.',
    cure: 'run the same headgate version on every node',
  },
  HEADGATE_ROLLOUT_NOT_STAGED: {
    meaning:
      'A node was told to switch to a topology that it no longer holds, because nothing was heard for too long.',
    cure: 'look at headgate topology show: it catches up if any node has switched; else apply again',
  },
  HEADGATE_ROLLOUT_NO_CLUSTER: {
    meaning: 'No node of the cluster answers.',
    cure: 'start the nodes, or check the addresses and the secret',
  },
  HEADGATE_ROLLOUT_ACCESS: {
    meaning:
      'The nodes of the cluster cannot be asked, and may run: the secret is not here, is another one, or what answers is none of them.',
    // What went wrong in particular has one.
    cure: '',
  },
  HEADGATE_ROLLOUT_INTERRUPTED: {
    meaning: 'The roll-out was interrupted before any node had switched; all keep what they have.',
    cure: 'run it again',
  },
  HEADGATE_ROLLOUT_INCOMPLETE: {
    meaning: 'Some nodes have not switched yet; they catch up as soon as they can.',
    cure: 'look at headgate topology show',
  },
  HEADGATE_ROLLOUT_ROLLED_BACK: {
    meaning: 'Health became worse after the switch, so the topology from before was rolled out again.',
    cure: 'cure what is named, then apply again',
  },
  HEADGATE_ROLLOUT_WOULD_LOSE: {
    meaning: 'The change would close established connections.',
    cure: 'drain first and wait, or add --accept-loss',
  },
  HEADGATE_ROTATION_ENV: {
    meaning:
      'A secret in an environment variable cannot be rotated from here: a process cannot change where it was set.',
    cure: 'set the variable to "OLD next NEW" on every host and restart one node after the other, then to "NEW previous OLD", then to NEW; or name a key file',
  },
  HEADGATE_ROTATION_BUSY: {
    meaning: 'Another change of the secret was begun and is not finished.',
    cure: 'finish it where it was begun, with the same command',
  },
  HEADGATE_ROTATION_ELSEWHERE: {
    meaning:
      'A node holds a key that the key file here does not: the secret is being changed from another host.',
    cure: 'run the command there, or copy the key file of that node here (mode 0600) and run it again',
  },
  HEADGATE_ROTATION_STEP: {
    meaning:
      'A node does not take a step of the change of the secret; every node still accepts what the others present.',
    cure: 'cure what it says, then run the same command again: it goes on from there',
  },
  HEADGATE_ROTATION_WAITS: {
    meaning:
      'Every node that answers presents the new secret; the old one stays accepted for nodes that are away.',
    cure: 'start them and run the same command again, or leave them out with --skip NODE: they then need the new key file by hand',
  },
  HEADGATE_ROTATION_REQUEST: {
    meaning: 'A request of a change of the secret is not as it should be.',
    cure: 'run the same headgate version on every node',
  },
  HEADGATE_ROLLOUT_PLACE: {
    meaning: 'The nodes take their topology from etcd, and the roll-out was not told so.',
    cure: 'add --cluster with the address in etcd, or set HEADGATE_TOPOLOGY to it',
  },
  HEADGATE_ROLLOUT_FILE_DIFFERS: {
    meaning: 'The file is not what the cluster runs, so editing it would also bring its other differences.',
    cure: 'write what runs with headgate topology show --text, or use --file-only and then plan and apply',
  },
});
