/** Which engine carries connections where io_uring looks as if it worked, and gets no memory when it is to. */
import { existsSync } from 'node:fs';
import { missingForUring } from '../../lib/relay/index.ts';
import { smallCluster, startCluster } from '../cluster.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { startProgram } from '../processes.ts';
import { testUnless } from '../test-unless.ts';
import { nodeStatus, statusOf } from './cluster-view.ts';

const [setpriv, prlimit] = ['/usr/bin/setpriv', '/usr/bin/prlimit'];
/** RLIMIT_MEMLOCK binds nobody who has CAP_IPC_LOCK, as root has. */
const shortOfMemory = [
  ...(process.getuid?.() === 0 ? [setpriv, '--bounding-set=-ipc_lock', '--'] : []),
  prlimit,
  '--memlock=65536',
  '--',
];

const missing =
  missingForUring() ??
  ([setpriv, prlimit].every((program) => existsSync(program)) ? undefined : 'no util-linux');

testUnless(missing)(
  'where io_uring gets no memory, status and log name the portable engine, its limit and RLIMIT_MEMLOCK',
  async (t) => {
    t.timeout(120_000);
    const spec = smallCluster(await takeLoopbackBlock(t));
    const cluster = await startCluster(t, spec, (_name, argv, options) =>
      startProgram(t, [...shortOfMemory, ...argv], options),
    );
    const status = await statusOf(cluster);
    for (const name of ['d1', 'b1']) {
      const { engine, limit } = nodeStatus(status, name)!;
      t.is(engine?.name, 'node', name);
      t.regex(engine?.reason ?? '', /^engine node: .*ENOMEM.*RLIMIT_MEMLOCK/, name);
      t.true(limit < 131_072, `${name}: ${limit}`);
      await cluster.node(name).line(new RegExp(`"level":40.*engine node: .*RLIMIT_MEMLOCK`));
      await cluster.node(name).line(new RegExp(`carries (up to|at most) ${limit} connections`));
    }
  },
);
