/**
 * Loaded before a node (`node --import`): at the moment of its start that HEADGATE_TEST_SIGNAL_AT names, SIGTERM is sent to
 * it, or SIGINT to the `headgate up` that started it. It is handled in a later turn of the event loop, whatever goes on then.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

type Seen = (first: unknown) => boolean;

/** The first call of this method whose first argument is as `is` says is the moment. */
function watch(holder: object, method: string, is: Seen): void {
  const methods = holder as Record<string, (...args: unknown[]) => unknown>;
  const original = methods[method]!;
  let isOver = false;
  methods[method] = function (this: unknown, ...args: unknown[]) {
    if (!isOver && is(args[0])) {
      isOver = true;
      signal();
    }
    return original.apply(this, args);
  };
  // For `import { open } from 'node:fs/promises'`.
  syncBuiltinESMExports();
}

function signal(): void {
  if (process.connected) process.kill(process.ppid, 'SIGINT');
  // A signal that nobody handles would end it here and now.
  else setImmediate(() => process.kill(process.pid, 'SIGTERM'));
}

/** The moments, in their order. */
const moments: Readonly<Record<string, () => void>> = {
  handlers: () => watch(process, 'on', (event) => event === 'SIGTERM'),
  topology: () => watch(fs.promises, 'open', (path) => String(path).endsWith('.yaml')),
  secret: () => watch(fs.promises, 'open', (path) => String(path).endsWith('.key')),
  'runtime directory': () => watch(fs, 'mkdirSync', (path) => String(path).endsWith('/run')),
  'first listener': () => watch(net.Server.prototype, 'listen', () => true),
  'admin socket': () =>
    watch(net.Server.prototype, 'listen', (to) => JSON.stringify(to ?? '').includes('.sock')),
};

const at = process.env['HEADGATE_TEST_SIGNAL_AT'] ?? '';
if (process.argv[2] === process.env['HEADGATE_TEST_SIGNAL_NODE']) moments[at]?.();
