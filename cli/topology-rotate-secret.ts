import { HeadgateError } from '../lib/errors/index.ts';
import { addressesOf, connectWith, rotateSecret, type RotationEvent } from '../node/index.ts';
import { loadFrom, newSecretText, readSecrets, writeSecrets } from '../topology/index.ts';
import { exitCodes, type Command } from './command.ts';
import { parseOptions } from './options.ts';
import { findCluster, whoAsks } from './rollout/find-cluster.ts';
import { refuseUnknownSkip } from './rollout/run-roll-out.ts';
import { wordsAndFile } from './topology-arguments.ts';

/** Changes the cluster secret of running nodes. */
export const topologyRotateSecret: Command = {
  help: `usage: headgate topology rotate-secret [--skip NODE]... [FILE]

Makes a new secret and takes the nodes through the change: all accept the new one too, all present it, all drop the old one. Each
node rewrites its own key file (mode 0600); the key file that FILE names here is rewritten, too. Connections of clients and the
hash key stay. After an interruption run it again: it goes on from where the nodes are. The old secret stays accepted
while a node of the topology is away.

  --skip NODE   do not wait for a node that is away; it then needs the new key file by hand

FILE defaults to $HEADGATE_TOPOLOGY. A secret in an environment variable cannot be changed from outside: set it to
"OLD next NEW" on every host and restart one node after the other, then to "NEW previous OLD", then to NEW.

example: headgate topology rotate-secret /etc/headgate/topology.yaml`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, { skip: { type: 'string', multiple: true } });
    const { file } = wordsAndFile(positionals, [], io);
    const { topology: known } = await loadFrom(file, io.env);
    const { secret } = known;
    if (!('file' in secret)) {
      const message = `the secret is in the environment variable ${secret.env}`;
      throw new HeadgateError('HEADGATE_ROTATION_ENV', message);
    }
    const own = await readSecrets(secret, io.env);
    const { topology } = await findCluster(file, io);
    refuseUnknownSkip(values.skip ?? [], [topology]);
    const id = await rotateSecret({
      nodes: addressesOf([topology]),
      own,
      save: (secrets) => writeSecrets(secret.file, secrets),
      connect: (key) => connectWith({ key, cluster: topology.cluster, by: whoAsks() }),
      newSecret: () => Buffer.from(newSecretText().trim(), 'hex'),
      skip: new Set(values.skip ?? []),
      onEvent: (event) => io.out(eventText(event)),
      signal: io.signal,
    });
    io.out(`every node that answers uses key id ${id} alone; ${secret.file} holds it`);
    return exitCodes.done;
  },
};

const stepTexts = {
  accept: 'accepts the new secret, too',
  present: 'presents the new secret',
  drop: 'has dropped the old secret',
} as const;

function eventText(event: RotationEvent): string {
  switch (event.kind) {
    case 'begins':
      return `new secret, key id ${event.id}`;
    case 'continues':
      return `going on with the change to key id ${event.id}`;
    case 'away':
      return `  ${event.node} does not answer: ${event.why}`;
    case 'step':
      return `  ${event.node} ${stepTexts[event.step]}`;
  }
}
