import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { roomViolations } from './rooms.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

test('the rooms of this repository keep their rules', (t) => {
  const files = sourceFiles();
  t.true(files.size > 20, 'the walk finds the sources');
  t.deepEqual(roomViolations(files), []);
});

const keeps = test.macro((t, files: Record<string, string>) => {
  t.deepEqual(roomViolations(withTargets(files)), []);
});

const breaks = test.macro((t, files: Record<string, string>, ...violations: string[]) => {
  t.deepEqual(roomViolations(withTargets(files)), violations);
});

test('rooms may know those before them', keeps, {
  'lib/address/index.ts': `import { HeadgateError } from '../errors/index.ts';`,
  'lib/control/server.ts': `import type { Clock } from '../clock/index.ts'; import net from 'node:net';`,
  'lib/heartbeat/monitor.ts': `import { ControlKey } from '../control/index.ts';`,
  'topology/hash.ts': `import { sipHash } from '../lib/maglev/index.ts';`,
  'node/run.ts': `export { load } from '../topology/index.ts'; import { relay } from '../lib/relay/index.ts';`,
  'director/start.ts': `import { run } from '../node/index.ts'; const b = await import('../lib/linux/bpf/index.ts');`,
  'cli/up.ts': `import { start } from '../balancer/index.ts'; import { stub } from '../chatserver-stub/index.ts';`,
});

test('tests and scripts look inside every room, benches also inside the tests', keeps, {
  'test/director/table.test.ts': `import { table } from '../../director/table.ts'; import '../until.ts';`,
  'scripts/write-docs.ts': `import { schema } from '../topology/schema.ts';`,
  'bench/relay.ts': `import { createLab } from '../test/lab/lab.ts'; import { join } from '../lib/relay/node.ts';`,
});

test(
  'a tier may not know another',
  breaks,
  {
    'director/start.ts': `import { pool } from '../balancer/index.ts';`,
    'chatserver-stub/start.ts': `export * from '../director/index.ts';`,
  },
  'chatserver-stub/start.ts: imports director/index.ts: chatserver-stub may not know director',
  'director/start.ts: imports balancer/index.ts: director may not know balancer',
);

test(
  'a room may not know those after it or beside it, not even by type or lazily',
  breaks,
  {
    'lib/errors/a.ts': `import type { Endpoint } from '../address/index.ts';`,
    'lib/clock/a.ts': `import '../address/index.ts';`,
    'lib/maglev/a.ts': `import { ControlKey } from '../control/index.ts';`,
    'lib/heartbeat/a.ts': `const relay = () => import('../relay/index.ts');`,
    'lib/relay/a.ts': `let monitor: import('../heartbeat/index.ts').Monitor;`,
    'topology/a.ts': `import { after } from '../lib/clock/index.ts';`,
    'node/a.ts': `import { main } from '../cli/index.ts';`,
  },
  'lib/clock/a.ts: imports lib/address/index.ts: lib/clock may not know lib/address',
  'lib/errors/a.ts: imports lib/address/index.ts: lib/errors may not know lib/address',
  'lib/heartbeat/a.ts: imports lib/relay/index.ts: lib/heartbeat may not know lib/relay',
  'lib/maglev/a.ts: imports lib/control/index.ts: lib/maglev may not know lib/control',
  'lib/relay/a.ts: imports lib/heartbeat/index.ts: lib/relay may not know lib/heartbeat',
  'node/a.ts: imports cli/index.ts: node may not know cli',
  'topology/a.ts: imports lib/clock/index.ts: topology may not know lib/clock',
);

test(
  'the product and its scripts may not know the tests',
  breaks,
  {
    'cli/main.ts': `import { until } from '../test/until.ts';`,
    'scripts/docs.ts': `import { until } from '../test/until.ts';`,
  },
  'cli/main.ts: imports test/until.ts: cli may not know test',
  'scripts/docs.ts: imports test/until.ts: scripts may not know test',
);

test(
  'another room is entered through its index.ts',
  breaks,
  {
    'director/a.ts': `import { rows } from '../lib/maglev/table.ts'; import '../lib/linux/bpf/index.ts';`,
    'balancer/a.ts': `import '../lib/linux/bpf/asm.ts'; import '../lib/relay/uring/index.ts';`,
  },
  'balancer/a.ts: imports lib/linux/bpf/asm.ts: lib/linux is entered through its index.ts',
  'balancer/a.ts: imports lib/relay/uring/index.ts: lib/relay is entered through its index.ts',
  'director/a.ts: imports lib/maglev/table.ts: lib/maglev is entered through its index.ts',
);

test(
  'files may not import each other in a circle',
  breaks,
  {
    'director/a.ts': `import './b.ts';`,
    'director/b.ts': `import { type C } from './c.ts';`,
    'director/c.ts': `export { a } from './a.ts';`,
    'node/self.ts': `import './self.ts';`,
  },
  'director/a.ts: imports itself: director/a.ts → director/b.ts → director/c.ts → director/a.ts',
  'node/self.ts: imports itself: node/self.ts → node/self.ts',
);

test('a circle of types alone is allowed', keeps, {
  'director/a.ts': `import type { B } from './b.ts';`,
  'director/b.ts': `import { a } from './a.ts'; export type { A } from './a.ts';`,
});

test(
  'every file is in a known room and imports files that exist',
  breaks,
  {
    'helpers/a.ts': `export {};`,
    'lib/new/index.ts': `export {};`,
    'lib/loose.ts': `export {};`,
    'loose.ts': `export {};`,
    'node/a.ts': `import './missing.ts'; import '../loose.ts';`,
  },
  'helpers/a.ts: is in no room; name the folder in test/rooms.ts',
  'lib/loose.ts: is in no room; name the folder in test/rooms.ts',
  'lib/new/index.ts: is in no room; name the folder in test/rooms.ts',
  'loose.ts: is in no room; name the folder in test/rooms.ts',
  'node/a.ts: imports loose.ts: it is in no room',
  'node/a.ts: imports node/missing.ts: there is no such file',
);

test(
  'a product file has at most 800 lines, a test may have more',
  breaks,
  {
    'node/long.ts': '\n'.repeat(801),
    'node/fits.ts': '\n'.repeat(800),
    'test/long.ts': '\n'.repeat(2_000),
  },
  'node/long.ts: has 801 lines, at most 800 are allowed',
);

/** Adds the files that the examples only mention. */
function withTargets(files: Record<string, string>): Map<string, string> {
  const mentioned = Object.entries(files).flatMap(([file, source]) => {
    return [...source.matchAll(/'(\.[^']+)'/g)].map(([, specifier]) =>
      path.join(path.dirname(file), specifier!),
    );
  });
  const added = mentioned.filter((file) => !/missing|loose/.test(file)).map((file) => [file, ''] as const);
  return new Map([...added, ...Object.entries(files)]);
}

function sourceFiles(): Map<string, string> {
  const skipped = new Set(['node_modules', 'dist', '.git']);
  const files = new Map<string, string>();
  const walk = (folder: string): void => {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const name = path.posix.join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!skipped.has(entry.name)) walk(name);
      } else if (/\.[mc]?tsx?$/.test(entry.name)) {
        files.set(name, readFileSync(path.join(root, name), 'utf8'));
      }
    }
  };
  walk('.');
  return files;
}
