/**
 * The measured process: `node relay-process.js ENGINE HOST PORT SERVER_HOST SERVER_PORT`. Sends `ready` to its parent when it
 * listens; on `collect` it collects garbage and answers `collected`.
 */
import { createRelayFor, type EnginePreference } from '../../lib/relay/index.ts';

const [engine, host = '', port, serverHost = '', serverPort] = process.argv.slice(2);
const destination = { id: 'server', endpoint: { host: serverHost, port: Number(serverPort) } };
const { create } = createRelayFor(engine as EnginePreference);
const relay = create({
  limit: 9_900,
  router: { route: () => destination, failed: () => undefined, ended: () => undefined },
});
process.on('message', () => {
  globalThis.gc?.();
  process.send?.('collected');
});
process.on('disconnect', () => process.exit());
await relay.listen({
  service: 'bench',
  endpoint: { host, port: Number(port) },
  backlog: 4_096,
  reusePort: false,
  acceptProxy: [],
  settings: {
    connectTimeoutMs: 5_000,
    keepaliveMs: 300_000,
    userTimeoutMs: 300_000,
    bufferBytes: 262_144,
    headerTimeoutMs: 5_000,
  },
});
process.send?.('ready');
