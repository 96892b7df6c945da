/** Topology files for tests: one fixed, and arbitrary ones. */
import fc from 'fast-check';
import { stringify } from 'yaml';
import { parseTopology, type Problem, type Topology } from '../../topology/index.ts';

/** A small valid file in which every test can replace a line. */
export const sampleText = `version: 1
cluster: chat
secret: { file: ./cluster.key }
hashKey: 00112233445566778899aabbccddeeff
services:
  chat:
    listen: 203.0.113.10:9000
directors:
  d1: { host: 10.0.0.1 }
balancers:
  b1: { host: 10.0.1.1 }
  b2: { host: 10.0.1.2 }
chatservers:
  c1: { address: 10.0.2.1:7000 }
  c2: { address: 10.0.2.2:7000 }
`;

/** The sample with `was` (which must be in it) replaced. */
export function sampleWith(was: string, becomes: string): string {
  if (!sampleText.includes(was)) throw new Error(`the sample has no ${JSON.stringify(was)}`);
  return sampleText.replace(was, () => becomes);
}

/** The topology of a text that must be valid. */
export function valid(text: string, file = 'topology.yaml'): Topology {
  const result = parseTopology(text, file);
  if (result.topology === undefined) throw new Error(JSON.stringify(result.problems, null, 2));
  return result.topology;
}

/** The problems of a text that must not be valid. */
export function problems(text: string, file = 't.yaml'): readonly Problem[] {
  const result = parseTopology(text, file);
  if (result.topology !== undefined) throw new Error('the text is valid');
  return result.problems;
}

/** A topology file as data; the keys are those of the file. */
export interface FileData {
  readonly [key: string]: unknown;
  readonly services: Readonly<Record<string, object>>;
  readonly directors: Readonly<Record<string, object>>;
  readonly balancers: Readonly<Record<string, object>>;
  readonly chatservers: Readonly<Record<string, object>>;
}

/** Some of these look like numbers, null or booleans to YAML. */
const name = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,9}$/) },
  { weight: 1, arbitrary: fc.constantFrom('null', 'true', '1e3', '007', '0x1', 'on', '3', 'x') },
);
const weight = fc.integer({ min: 0, max: 1_000 });
const state = fc.constantFrom('active', 'drain');
const heartbeat = fc.oneof(
  fc.constant({ probe: 'headgate' }),
  fc.constant({ probe: 'off' }),
  fc.record({ probe: fc.constant('tcp') }),
  fc.record({
    probe: fc.constant('tcp'),
    port: fc.integer({ min: 1, max: 65_535 }),
    expect: fc.constant('OK: "x" #'),
  }),
  fc.constant({ probe: 'tcp', send: 'PING\r\n', expect: '+PONG' }),
);
const duration = fc.constantFrom('1s', '250ms', '5m', '1.5s', '60s');

/** Host `index` of network `network`, IPv6 for one in four. */
function host(network: number, index: number, isSix: boolean): string {
  return isSix ? `2001:db8:${network}::${(index + 1).toString(16)}` : `10.0.${network}.${index + 1}`;
}

function optional<Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> {
  return fc.option(arbitrary, { nil: undefined });
}

/** An object without its undefined values: keys that are left out. */
function written(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined));
}

/** Arbitrary valid topology files. */
export const fileData: fc.Arbitrary<FileData> = fc
  .record({
    names: fc.uniqueArray(name, { minLength: 9, maxLength: 14 }),
    serviceNames: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }),
    counts: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 3 })),
    isSix: fc.boolean(),
    nodes: fc.array(
      fc.record({ weight: optional(weight), state: optional(state), heartbeat: optional(heartbeat) }),
      {
        minLength: 14,
        maxLength: 14,
      },
    ),
    lists: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    top: fc.record({
      hashKey: optional(fc.stringMatching(/^[0-9a-f]{31}a$/)),
      grace: optional(duration),
      flows: optional(
        fc.record({
          capacity: fc.integer({ min: 1_024, max: 9_999 }),
          onFull: fc.constantFrom('maglev', 'refuse'),
        }),
      ),
      heartbeat: optional(fc.record({ interval: duration, misses: fc.integer({ min: 1, max: 9 }) })),
    }),
    service: fc.record({
      forwarding: optional(fc.constantFrom('auto', 'proxy', 'dr', 'tun')),
      buffer: optional(fc.constantFrom('64KiB', '1MiB', '0.5MiB')),
      timeouts: optional(
        fc.record({
          connect: fc.constantFrom('10ms', '1.5s', '60s'),
          user: fc.constantFrom('1s', '90s', '24h'),
        }),
      ),
      balancing: optional(
        fc.record({
          algorithm: fc.constantFrom('maglev', 'random-two', 'round-robin'),
          slowStart: fc.constantFrom('0s', '30s', '1h'),
          queue: fc.constantFrom({}, { size: 9 }, { size: 100, timeout: '1m' }),
          onDown: fc.constantFrom('keep', 'close'),
        }),
      ),
    }),
  })
  .filter(({ top }) => top.heartbeat?.interval !== '5m')
  .map(({ names, serviceNames, counts: [directors, balancers], isSix, nodes, lists, top, service }) => {
    const tier = (from: number, to: number, entry: (index: number) => object): Record<string, object> =>
      Object.fromEntries(names.slice(from, to).map((node, index) => [node, written(entry(index))]));
    const bracketed = (index: number): string => {
      const address = host(2, index, isSix);
      return isSix ? `[${address}]:7000` : `${address}:7000`;
    };
    const chatservers = tier(directors + balancers, names.length, (index) => ({
      address: bracketed(index),
      ...(index === 1 ? { maxConnections: 20_000, backup: true } : {}),
      ...nodes[index],
    }));
    return {
      version: 1,
      cluster: 'chat',
      secret: { env: 'HEADGATE_SECRET' },
      ...written(top),
      services: Object.fromEntries(
        serviceNames.map((each, index) => [
          each,
          written({
            listen: `203.0.113.9:${9_000 + index}`,
            ...service,
            chatservers: lists[index] === true ? Object.keys(chatservers).slice(0, 2) : undefined,
          }),
        ]),
      ),
      directors: tier(0, directors, (index) => ({ host: host(0, index, isSix) })),
      balancers: tier(directors, directors + balancers, (index) => ({
        host: host(1, index, isSix),
        ...nodes[nodes.length - 1 - index],
      })),
      chatservers,
    };
  });

/** How a file may be written without a change of its meaning. */
export const layout = fc.record({
  collectionStyle: fc.constantFrom('block', 'flow', 'any'),
  indent: fc.integer({ min: 1, max: 6 }),
  singleQuote: fc.boolean(),
  defaultStringType: fc.constantFrom('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE'),
  defaultKeyType: fc.constantFrom('PLAIN', 'QUOTE_DOUBLE'),
  /** Anchors and aliases for parts that are the same. */
  aliasDuplicateObjects: fc.boolean(),
} as const);
export type Layout = typeof layout extends fc.Arbitrary<infer Value> ? Value : never;

/** The file as text. */
export function textOf(data: object, options?: Layout): string {
  return stringify(data, { lineWidth: 0, ...options });
}
