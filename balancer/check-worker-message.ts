import { isIP } from 'node:net';
import { batchEntries, type FromWorker } from './worker-protocol.ts';

/** Longest text a worker may send; names, addresses and error messages are far shorter. */
const textLength = 2_000;
/** Most entries of a map or list other than a batch: services, counters, servers tried for one connection. */
const listLength = 1_000;

/** The message when it is one a worker may send, else undefined. A worker gone wrong must not take others along. */
export function checkWorkerMessage(message: unknown): FromWorker | undefined {
  if (!isRecord(message)) return undefined;
  const check = checks.get(message['kind']);
  return check?.(message) === true ? (message as unknown as FromWorker) : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const checks = new Map<unknown, (message: Fields) => boolean>(
  Object.entries<(message: Fields) => boolean>({
    requests: ({ requests }) => isList(requests, batchEntries) && requests.every(isRequest),
    pong: ({ beat }) => isCount(beat),
    // What is in it is looked at by the one who takes it.
    flows: ({ frame }) => isRecord(frame),
    report: ({ connections, services, full, counters }) =>
      isCount(connections) && typeof full === 'boolean' && isCounts(services) && isCounts(counters),
    applied: ({ revision, engine, listening, listeningVip, failures }) =>
      isCount(revision) &&
      isEngine(engine) &&
      isList(listening, listLength) &&
      listening.every(isText) &&
      isList(listeningVip, listLength) &&
      listeningVip.every(isText) &&
      isList(failures, listLength) &&
      failures.every(isFailure),
  }),
);

function isRequest(entry: unknown): boolean {
  if (!isList(entry, 6)) return false;
  const [kind, number, service, host, port, tried] = entry;
  if (kind === 'room' || kind === 'fullness') return entry.length === 2 && isText(number);
  if (kind === 'release' || kind === 'failed' || kind === 'probe' || kind === 'ports')
    return entry.length === 2 && isCount(number);
  return (
    kind === 'pick' &&
    isCount(number) &&
    isText(service) &&
    isAddress(host) &&
    isCount(port) &&
    isList(tried, listLength) &&
    tried.every(isCount)
  );
}

function isEngine(engine: unknown): boolean {
  return (
    isRecord(engine) &&
    isText(engine['engine']) &&
    isText(engine['reason']) &&
    typeof engine['isFallback'] === 'boolean' &&
    isCount(engine['limit'])
  );
}

function isFailure(entry: unknown): boolean {
  return (
    isRecord(entry) && ['service', 'place', 'code', 'message', 'cure'].every((field) => isText(entry[field]))
  );
}

function isCounts(counts: unknown): boolean {
  if (!isRecord(counts)) return false;
  const values = Object.values(counts);
  return values.length <= listLength && values.every(isCount);
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: unknown, most: number): value is readonly unknown[] {
  return Array.isArray(value) && value.length <= most;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= textLength;
}

function isAddress(value: unknown): boolean {
  return typeof value === 'string' && isIP(value) !== 0 && !value.includes('%');
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
