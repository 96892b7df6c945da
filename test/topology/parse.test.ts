import test from 'ava';
import fc from 'fast-check';
import { formatProblem, parseTopology, showTopology } from '../../topology/index.ts';
import { fileData, layout, problems, sampleText, sampleWith, textOf, valid } from './sample.ts';

test('a file becomes a topology with every default filled in', (t) => {
  const topology = valid(sampleText, '/etc/headgate/topology.yaml');
  t.deepEqual(topology, {
    version: 1,
    cluster: 'chat',
    secret: { file: '/etc/headgate/cluster.key' },
    secretAsWritten: { file: 'cluster.key' },
    hashKey: '00112233445566778899aabbccddeeff',
    hashKeyIsDefault: false,
    heartbeat: { intervalMs: 1_000, misses: 3, rises: 2, deadAfterMs: 10_000 },
    flows: {
      capacity: 1_048_576,
      unconfirmed: 262_144,
      idleMs: 3_600_000,
      onFull: 'maglev',
      resetsPerSecond: 5_000,
    },
    graceMs: 30_000,
    services: [
      {
        name: 'chat',
        listen: { host: '203.0.113.10', port: 9_000 },
        forwarding: 'auto',
        balancing: {
          algorithm: 'round-robin',
          slowStartMs: 0,
          queue: { size: 0, timeoutMs: 5_000 },
          onDown: 'keep',
        },
        balancers: ['b1', 'b2'],
        chatservers: ['c1', 'c2'],
        proxyProtocol: { accept: 'off', send: 'off' },
        connectTimeoutMs: 2_000,
        keepaliveMs: 300_000,
        userTimeoutMs: 300_000,
        bufferBytes: 262_144,
      },
    ],
    directors: [{ name: 'd1', host: '10.0.0.1', interface: undefined, controlPort: 7_400 }],
    balancers: ['b1', 'b2'].map((name, index) => ({
      name,
      host: `10.0.1.${index + 1}`,
      controlPort: 7_400,
      ports: { chat: 9_000 },
      weight: 1,
      state: 'active',
      probe: { kind: 'headgate' },
      workers: undefined,
      maxConnections: undefined,
      engine: 'auto',
      sources: [],
    })),
    chatservers: ['c1', 'c2'].map((name, index) => ({
      name,
      address: { host: `10.0.2.${index + 1}`, port: 7_000 },
      controlPort: 7_400,
      weight: 1,
      state: 'active',
      probe: { kind: 'headgate' },
      maxConnections: undefined,
      backup: false,
    })),
    hash: topology.hash,
  });
  t.regex(topology.hash, /^[0-9a-f]{16}$/);
  t.true(Object.isFrozen(topology.services[0]?.listen));
});

test('limits, backups, queue, slow start and what a fallen server leaves are read with their units', (t) => {
  const text = sampleWith(
    '{ address: 10.0.2.1:7000 }',
    '{ address: 10.0.2.1:7000, maxConnections: 20000, backup: true }',
  ).replace(
    'listen: 203.0.113.10:9000',
    'listen: 203.0.113.10:9000\n    balancing: { slowStart: 30s, queue: { size: 100, timeout: 1.5s }, onDown: close }',
  );
  const { services, chatservers } = valid(text);
  t.deepEqual(services[0]?.balancing, {
    algorithm: 'round-robin',
    slowStartMs: 30_000,
    queue: { size: 100, timeoutMs: 1_500 },
    onDown: 'close',
  });
  t.like(chatservers[0], { maxConnections: 20_000, backup: true });
  t.like(chatservers[1], { maxConnections: undefined, backup: false });
});

test('IPv6 addresses become canonical and probes keep their settings', (t) => {
  const text = sampleWith(
    '{ address: 10.0.2.1:7000 }',
    '{ address: "[2001:DB8:0::1]:7000", heartbeat: { probe: tcp, port: 81, send: "PING\\r\\n", expect: PONG } }',
  );
  const [server] = valid(text).chatservers;
  t.deepEqual(server?.address, { host: '2001:db8::1', port: 7_000 });
  t.deepEqual(server?.probe, { kind: 'tcp', port: 81, send: 'PING\r\n', expect: 'PONG' });
});

/** One mistake, and the line that tells it. */
const mistakes: readonly (readonly [string, string, string])[] = [
  [
    'version: 1',
    'version: 2',
    't.yaml:1:10: version: expected 1, the only version this headgate reads, got 2',
  ],
  [
    'cluster: chat',
    'cluster: Chat_1',
    't.yaml:2:10: cluster: expected a name of lower-case letters, digits and "-", at most 63, got "Chat_1"; did you mean chat-1?',
  ],
  [
    'cluster: chat\n',
    '',
    't.yaml:1:1: cluster: expected a name of lower-case letters, digits and "-", at most 63, got nothing',
  ],
  [
    '{ file: ./cluster.key }',
    '{ file: a, env: B }',
    't.yaml:3:1: secret: expected exactly one of file: PATH and env: VARIABLE, got both',
  ],
  [
    '{ file: ./cluster.key }',
    '{}',
    't.yaml:3:1: secret: expected exactly one of file: PATH and env: VARIABLE, got neither',
  ],
  [
    '{ file: ./cluster.key }',
    '0123456789abcdef',
    't.yaml:3:9: secret: expected a map with one of file: PATH and env: VARIABLE, got text of 16 characters',
  ],
  [
    'hashKey: 00112233445566778899aabbccddeeff',
    'hashKey: 00ff',
    't.yaml:4:10: hashKey: expected 32 hexadecimal digits in quotes (16 random bytes), got text of 4 characters',
  ],
  [
    'services:',
    'hearbeat: {}\nservices:',
    't.yaml:5:1: hearbeat: expected one of version, cluster, secret, hashKey, heartbeat, flows, grace, services, directors, balancers, chatservers, got the unknown key "hearbeat"; did you mean heartbeat?',
  ],
  [
    'services:',
    'heartbeat: { interval: 5 }\nservices:',
    't.yaml:5:24: heartbeat.interval: expected a duration with a unit (250ms, 1s, 5m, 2h) from 100ms to 1m, got 5; did you mean 5s?',
  ],
  [
    'services:',
    'heartbeat: { interval: 90s }\nservices:',
    't.yaml:5:24: heartbeat.interval: expected a duration with a unit (250ms, 1s, 5m, 2h) from 100ms to 1m, got "90s"',
  ],
  [
    'services:',
    'heartbeat: { misses: "3" }\nservices:',
    't.yaml:5:22: heartbeat.misses: expected a whole number from 1 to 100, got "3"; did you mean 3 (no quotes)?',
  ],
  [
    '203.0.113.10:9000',
    'chat.example.com:9000',
    't.yaml:7:13: services.chat.listen: expected an IP address and a port, such as 10.0.0.1:9000 or "[2001:db8::1]:9000" (an address, not a host name), got "chat.example.com:9000"',
  ],
  [
    '203.0.113.10:9000',
    '2001:db8::1:9000',
    't.yaml:7:13: services.chat.listen: expected an IP address and a port, such as 10.0.0.1:9000 or "[2001:db8::1]:9000" (an address, not a host name), got "2001:db8::1:9000"; did you mean "[2001:db8::1]:9000"?',
  ],
  [
    'listen: 203.0.113.10:9000',
    'listen: 203.0.113.10:9000\n    forwarding: ipip',
    't.yaml:8:17: services.chat.forwarding: expected auto, proxy, dr, tun, nat or fullnat, got "ipip"',
  ],
  [
    'listen: 203.0.113.10:9000',
    'listen: 10.0.1.2:9000\n    forwarding: dr\n    balancers: [b1]',
    't.yaml:7:13: services.chat.listen: expected a VIP of its own with forwarding: dr, which no host has as its address, got 10.0.1.2, which is the address of balancers.b2',
  ],
  [
    'listen: 203.0.113.10:9000',
    'listen: 10.0.0.1:9000\n    forwarding: tun',
    't.yaml:7:13: services.chat.listen: expected a VIP of its own with forwarding: tun, which no host has as its address, got 10.0.0.1, which is the address of directors.d1',
  ],
  [
    'listen: 203.0.113.10:9000',
    'listen: 0.0.0.0:9000\n    forwarding: nat',
    't.yaml:7:13: services.chat.listen: expected one VIP with forwarding: nat, got 0.0.0.0:9000, which is every address',
  ],
  [
    'listen: 203.0.113.10:9000',
    'listen: 127.0.0.1:9000\n    forwarding: dr',
    't.yaml:7:13: services.chat.listen: expected one VIP with forwarding: dr, got 127.0.0.1:9000, which is a loopback address',
  ],
  [
    'listen: 203.0.113.10:9000',
    'listen: "[2001:db8::10]:9000"\n    forwarding: nat',
    't.yaml:8:17: services.chat.forwarding: expected balancers with IPv6 addresses, as the VIP has, with forwarding: nat, got b1 at 10.0.1.1; did you mean tun?',
  ],
  [
    '{ host: 10.0.0.1 }',
    '{ host: 10.0.0.1, interface: "eth0:1" }',
    't.yaml:9:36: directors.d1.interface: expected the name of a network interface, such as eth0, got "eth0:1"',
  ],
  [
    'services:',
    'flows: { onFull: drop }\nservices:',
    't.yaml:5:18: flows.onFull: expected maglev or refuse, got "drop"',
  ],
  [
    'services:',
    'flows: { capacity: 10 }\nservices:',
    't.yaml:5:20: flows.capacity: expected a whole number from 1024 to 64000000, got 10',
  ],
  [
    'listen: 203.0.113.10:9000',
    'listen: 203.0.113.10:9000\n    buffer: 32KiB',
    't.yaml:8:13: services.chat.buffer: expected a size with a unit (64KiB, 1MiB) from 64KiB to 16MiB, got "32KiB"',
  ],
  [
    'listen: 203.0.113.10:9000',
    'listen: 203.0.113.10:9000\n    balancing: { algorithm: round-robbin }',
    't.yaml:8:29: services.chat.balancing.algorithm: expected round-robin, weighted-round-robin, least-connections, source-hash, maglev or random-two, got "round-robbin"; did you mean round-robin?',
  ],
  [
    'listen: 203.0.113.10:9000',
    'listen: 203.0.113.10:9000\n    balancers: [b1, b22]',
    't.yaml:8:21: services.chat.balancers[1]: expected the name of a balancer (b1, b2), got b22; did you mean b2?',
  ],
  [
    'listen: 203.0.113.10:9000',
    'listen: 203.0.113.10:9000\n    chatservers: [c1, c1]',
    't.yaml:8:23: services.chat.chatservers[1]: expected each name once, got c1 a second time',
  ],
  [
    'listen: 203.0.113.10:9000',
    'listen: 203.0.113.10:9000\n    chatservers: []',
    't.yaml:8:18: services.chat.chatservers: expected a list of 1 to 1024 node names, got an empty list',
  ],
  [
    '{ host: 10.0.1.1 }',
    '{ host: 10.0.1.1, wieght: 3 }',
    't.yaml:11:25: balancers.b1.wieght: expected one of host, port, ports, control, weight, state, drainUntil, heartbeat, workers, maxConnections, engine, sources, got the unknown key "wieght"; did you mean weight?',
  ],
  [
    '{ host: 10.0.1.1 }',
    '{ weight: 3 }',
    't.yaml:11:3: balancers.b1.host: expected the IPv4 or IPv6 address of one machine (an address, not a host name), got nothing',
  ],
  [
    '{ host: 10.0.1.1 }',
    '',
    't.yaml:11:3: balancers.b1: expected a map that begins with host: ADDRESS, got nothing',
  ],
  [
    '{ host: 10.0.1.1 }',
    '{ host: 10.0.1.1, host: 10.0.1.9 }',
    't.yaml:11:25: balancers.b1.host: expected each key once, got host a second time',
  ],
  [
    '{ host: 10.0.1.1 }',
    '{ host: 0.0.0.0 }',
    't.yaml:11:15: balancers.b1.host: expected the IPv4 or IPv6 address of one machine (an address, not a host name), got "0.0.0.0"',
  ],
  [
    '{ host: 10.0.1.1 }',
    '{ host: "fe80::1" }',
    't.yaml:11:15: balancers.b1.host: expected the IPv4 or IPv6 address of one machine (an address, not a host name), got "fe80::1"',
  ],
  [
    '{ host: 10.0.1.1 }',
    '{ host: 10.0.1.1, weight: 1.5 }',
    't.yaml:11:33: balancers.b1.weight: expected a whole number from 0 to 1000, got 1.5',
  ],
  [
    '{ host: 10.0.1.1 }',
    '{ host: 10.0.1.1, weight: 1001 }',
    't.yaml:11:33: balancers.b1.weight: expected a whole number from 0 to 1000, got 1001',
  ],
  [
    '{ host: 10.0.1.1 }',
    '{ host: 10.0.1.1, port: 1, ports: { chat: 2 } }',
    't.yaml:11:25: balancers.b1.port: expected either port or ports, got both',
  ],
  [
    '{ host: 10.0.1.1 }',
    '{ host: 10.0.1.1, ports: { chta: 2 } }',
    't.yaml:11:34: balancers.b1.ports.chta: expected the name of a service (chat), got chta; did you mean chat?',
  ],
  [
    '{ host: 10.0.1.1 }',
    '{ host: 10.0.1.1, heartbeat: { probe: off, port: 3 } }',
    't.yaml:11:50: balancers.b1.heartbeat.port: expected port only with probe: tcp, got port with probe: off; did you mean probe: tcp?',
  ],
  [
    '{ host: 10.0.1.1 }',
    '{ host: 10.0.1.1, heartbeat: { probe: tcp, send: x } }',
    't.yaml:11:50: balancers.b1.heartbeat.send: expected expect beside send, got send alone',
  ],
  [
    'b1:',
    'B_1:',
    't.yaml:11:3: balancers.B_1: expected a name of lower-case letters, digits and "-", at most 63, got "B_1"; did you mean b-1?',
  ],
  ['  b2:', '  b1:', 't.yaml:12:3: balancers.b1: expected each key once, got b1 a second time'],
  [
    '  c1:',
    '  b1:',
    't.yaml:14:3: chatservers.b1: expected a name no other node has, got b1, which is also a balancer',
  ],
  [
    'directors:\n  d1: { host: 10.0.0.1 }',
    'directors: {}',
    't.yaml:8:1: directors: expected 1 to 1024 directors, got none',
  ],
  [
    'directors:\n  d1: { host: 10.0.0.1 }',
    'directors:',
    't.yaml:8:1: directors: expected a map of 1 to 1024 directors by name, got nothing',
  ],
  [
    'directors:\n  d1: { host: 10.0.0.1 }',
    'directors: [d1]',
    't.yaml:8:12: directors: expected a map of 1 to 1024 directors by name, got a list',
  ],
  ['  b1:', '  __proto__:', 't.yaml:11:3: balancers: expected a key that is a plain word, got __proto__'],
  [
    '{ host: 10.0.1.1 }',
    '*nobody',
    't.yaml:11:7: balancers.b1: expected an anchor set above, got the alias *nobody',
  ],
];

for (const [was, becomes, line] of mistakes) {
  test(`is told with its place: ${line.replace(/^t.yaml:/, '')}`, (t) => {
    const lines = problems(sampleWith(was, becomes)).map(formatProblem);
    t.true(lines.includes(line), lines.join('\n'));
    if (!line.includes('alias')) t.is(lines.length, 1, lines.join('\n'));
  });
}

test("YAML's own mistakes are told with their place and come alone", (t) => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [
      '203.0.113.10:9000',
      '[::1]:9000',
      /^t\.yaml:7:18: not valid YAML: .*; did you mean "\[::1\]:9000" \(in quotes\)\?$/,
    ],
    ['  chat:', '\tchat:', /^t\.yaml:6:1: not valid YAML: Tabs are not allowed/],
    [
      'directors:',
      '---\ndirectors:',
      /^t\.yaml:8:1: expected one YAML document, got a second one after ---$/,
    ],
    ['{ host: 10.0.1.1 }', '{ host: 10.0.1.1', /^t\.yaml:1\d:\d+: not valid YAML/],
  ];
  for (const [was, becomes, line] of cases) {
    const [first] = problems(sampleWith(was, becomes)).map(formatProblem);
    t.regex(first ?? '', line);
  }
});

test('all problems come at once, in the order of the text', (t) => {
  const text = `version: 1
cluster: chat
secret: { file: k }
services:
  chat: { listen: nowhere, balancers: [b9] }
directors:
  d1: { host: 10.0.0.1, contrl: 5 }
balancers:
  b1: { host: 10.0.1.1, weight: -1 }
  b2: { host: 10.0.1.1 }
chatservers: {}
`;
  t.deepEqual(
    problems(text).map(({ line, path, code }) => [line, path, code]),
    [
      [5, 'services.chat.listen', 'HEADGATE_TOPOLOGY_INVALID_VALUE'],
      [5, 'services.chat.balancers[0]', 'HEADGATE_TOPOLOGY_UNKNOWN_NAME'],
      [7, 'directors.d1.contrl', 'HEADGATE_TOPOLOGY_UNKNOWN_KEY'],
      [9, 'balancers.b1.weight', 'HEADGATE_TOPOLOGY_INVALID_VALUE'],
      [10, 'balancers.b2.control', 'HEADGATE_TOPOLOGY_ADDRESS_CONFLICT'],
      [11, 'chatservers', 'HEADGATE_TOPOLOGY_EMPTY_TIER'],
    ],
  );
});

test('an empty text, a list and a word are no topologies', (t) => {
  for (const text of ['', '- a', 'hello', '# nothing\n']) {
    t.regex(
      problems(text).map(formatProblem).join(),
      /^t\.yaml:1:1: expected a map that begins with version: 1/,
    );
  }
});

test('a misplaced secret is never repeated in a message', (t) => {
  const secret = '5ec7e75ec7e75ec7e75ec7e75ec7e75e';
  for (const text of [
    sampleWith('{ file: ./cluster.key }', secret),
    sampleWith('{ file: ./cluster.key }', `{ env: "${secret} " }`),
    sampleWith('{ file: ./cluster.key }', `{ ${secret}: }`),
    sampleWith('{ file: ./cluster.key }', `{ file: [${secret}] }`),
    sampleWith('{ file: ./cluster.key }', `"${secret}" x`),
    sampleWith('{ file: ./cluster.key }', `{ file: "${secret}`),
    sampleWith('00112233445566778899aabbccddeeff', `${secret}zz`),
  ]) {
    t.false(problems(text).map(formatProblem).join().includes(secret), text);
  }
});

test('any valid file survives being shown and read again', (t) => {
  fc.assert(
    fc.property(fileData, layout, (data, style) => {
      const topology = valid(textOf(data, style));
      const again = valid(showTopology(topology, process.cwd()));
      const { secretAsWritten } = again;
      t.deepEqual(again, { ...topology, hashKeyIsDefault: false, secretAsWritten });
      for (const tier of ['services', 'directors', 'balancers', 'chatservers'] as const) {
        t.deepEqual(topology[tier].map(({ name }) => name).toSorted(), Object.keys(data[tier]).toSorted());
      }
    }),
    { numRuns: 30 },
  );
});

test('whatever is done to a valid file, it is a topology or located problems, and nothing throws', (t) => {
  const junk = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom(
      '{',
      '}',
      '[',
      '&a ',
      '*a',
      '!!set ',
      '? ',
      ': ',
      '- ',
      '\n',
      '\t',
      '"',
      "'",
      '|\n',
      '#',
      '<<: ',
      '---\n',
      '%',
      '\0',
      '\u{feff}',
      'null',
      '1e999',
      '.nan',
      '-1',
    ),
  );
  const edit = fc.record({ at: fc.nat(2_000), remove: fc.nat(40), insert: junk });
  fc.assert(
    fc.property(fileData, layout, fc.array(edit, { minLength: 1, maxLength: 4 }), (data, style, edits) => {
      let text = textOf(data, style);
      for (const { at, remove, insert } of edits) {
        const from = at % (text.length + 1);
        text = text.slice(0, from) + insert + text.slice(from + remove);
      }
      const result = parseTopology(text, 't.yaml');
      if (result.topology !== undefined) return t.regex(result.topology.hash, /^[0-9a-f]{16}$/);
      t.true(result.problems.length > 0);
      const lines = text.split('\n').length;
      for (const problem of result.problems) {
        t.true(problem.line >= 1 && problem.line <= lines && problem.column >= 1);
        t.notRegex(formatProblem(problem), /[\r\n]/);
      }
    }),
    { numRuns: 150 },
  );
});
