/** A cluster that could run on this machine, with its key file; no node of it does. */
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { pino } from 'pino';
import type { Endpoint } from '../../lib/address/index.ts';
import { ControlKey, createControlServer, type ControlServer } from '../../lib/control/index.ts';
import { createSecretFile, parseTopology, readSecret } from '../../topology/index.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { sampleText } from '../topology/sample.ts';
import { topologyFile } from './topology-io.ts';

export interface SilentCluster {
  readonly file: string;
  readonly text: string;
  /** The cluster's, and one of somebody else. */
  readonly key: ControlKey;
  readonly otherKey: ControlKey;
  /** Listens where d1 would, and knows no method; for the test to close. */
  readonly listen: (key: ControlKey) => Promise<ControlServer>;
}

export async function silentCluster(t: ExecutionContext): Promise<SilentCluster> {
  const block = await takeLoopbackBlock(t);
  const text = sampleText.replaceAll(/10\.0\.(\d)\.(\d)/g, (_all, tier, last) =>
    block.address(Number(tier) * 10 + Number(last)),
  );
  const file = await topologyFile(t, text);
  const keyFile = join(dirname(file), 'cluster.key');
  await createSecretFile(keyFile);
  const { host, controlPort: port } = parseTopology(text, file).topology!.directors[0]!;
  const d1: Endpoint = { host, port };
  return {
    file,
    text,
    key: ControlKey.fromSecret(await readSecret({ file: keyFile }, {})),
    otherKey: ControlKey.fromSecret(Buffer.from('a secret of this test only')),
    async listen(key) {
      const log = pino({ level: 'silent' });
      const control = createControlServer({ key, cluster: 'chat', node: 'd1', log });
      t.teardown(() => control.close());
      await control.listen(d1);
      return control;
    },
  };
}
