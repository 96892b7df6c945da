/**
 * Runs a relay in a process of its own, started under a low `ulimit -n`. Arguments: engine, destination host and port.
 * Answers `stats` over IPC; on `hog` the next route() first takes every descriptor there is.
 */
import { closeSync, openSync } from 'node:fs';
import type { Router } from '../../../lib/relay/index.ts';
import { engines } from './engines.ts';
import { settings, to } from './lab.ts';

const [engineName, host = '', port] = process.argv.slice(2);
const engine = engines.find(({ name }) => name === engineName)!;
const hogged: number[] = [];
const failures: string[] = [];
let hogs = false;

const router: Router = {
  route() {
    if (hogs) hog();
    return to('server', { host, port: Number(port) });
  },
  failed(_client, _destination, error) {
    failures.push(error.code);
    hogged.splice(0).forEach((fd) => closeSync(fd));
  },
  ended: () => undefined,
};

function hog(): void {
  hogs = false;
  try {
    for (;;) hogged.push(openSync('/dev/null', 'r'));
  } catch {
    // EMFILE: that was the last one.
  }
}

// A limit far above what the descriptors allow, so that it is not the limit that protects.
const relay = engine.create({ router, limit: 10_000 });
process.on('message', (message) => {
  if (message === 'hog') hogs = true;
  process.send?.({ stats: relay.stats(), failures });
});
process.on('disconnect', () => process.exit());
const listener = await relay.listen({
  service: 'chat',
  endpoint: { host: '127.30.0.9', port: 0 },
  backlog: 512,
  reusePort: false,
  acceptProxy: [],
  settings,
});
process.send?.({ endpoint: listener.spec.endpoint });
