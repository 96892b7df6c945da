import test from 'ava';
import { formatProblem } from '../../../topology/index.ts';
import { problems, sampleWith, sampleText, valid } from '../sample.ts';

/** A file of one service with these lines under the tiers. */
function file(listen: string, directors: string, balancers: string, chatservers: string): string {
  return `version: 1
cluster: chat
secret: { env: KEY }
services: { chat: { listen: ${listen} } }
directors: { ${directors} }
balancers: { ${balancers} }
chatservers: { ${chatservers} }
`;
}

const conflicts: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'two chat servers on one address and port',
    sampleWith('10.0.2.2:7000', '10.0.2.1:7000'),
    [
      't.yaml:15:3: chatservers.c2.control: expected an address and port that nothing else on the machine listens on, got 10.0.2.1:7400, which chatservers.c1.control has; did you mean control: 7401?',
      't.yaml:15:18: chatservers.c2.address: expected an address and port that nothing else on the machine listens on, got 10.0.2.1:7000, which chatservers.c1.address has; did you mean port 7001?',
    ],
  ],
  [
    'the control ports of two chat servers on one machine',
    sampleWith('10.0.2.2:7000', '10.0.2.1:7001'),
    [
      't.yaml:15:3: chatservers.c2.control: expected an address and port that nothing else on the machine listens on, got 10.0.2.1:7400, which chatservers.c1.control has; did you mean control: 7401?',
    ],
  ],
  [
    'a chat server on the control port of its machine',
    sampleWith('10.0.2.2:7000', '10.0.2.1:7400').replace('10.0.2.1:7400 }', '10.0.2.1:7400, control: 7500 }'),
    [
      't.yaml:15:18: chatservers.c2.address: expected an address and port that nothing else on the machine listens on, got 10.0.2.1:7400, which chatservers.c1.control has; did you mean port 7401?',
    ],
  ],
  [
    "a balancer on the VIP's address and port",
    sampleWith('10.0.1.1', '203.0.113.10'),
    [
      't.yaml:11:3: balancers.b1.port: expected an address and port that nothing else on the machine listens on, got 203.0.113.10:9000, which services.chat.listen has; did you mean port: 9001?',
    ],
  ],
  [
    'a wildcard VIP and a balancer on a director machine',
    file(
      '0.0.0.0:9000',
      'd1: { host: 10.0.0.1 }',
      'b1: { host: 10.0.0.1, control: 7401 }',
      'c1: { address: 10.0.2.1:7000 }',
    ),
    [
      't.yaml:6:14: balancers.b1.port: expected an address and port that nothing else on the machine listens on, got 10.0.0.1:9000, which services.chat.listen has as 0.0.0.0:9000; did you mean port: 9001?',
    ],
  ],
  [
    'a wildcard IPv6 VIP and a loopback chat server beside a loopback director',
    file(
      '"[::]:7000"',
      'd1: { host: 127.0.0.1 }',
      'b1: { host: 127.0.0.2 }',
      'c1: { address: 127.0.2.1:7000 }',
    ).replace('7000" }', '7000" }'),
    [
      't.yaml:6:14: balancers.b1.port: expected an address and port that nothing else on the machine listens on, got 127.0.0.2:7000, which services.chat.listen has as [::]:7000; did you mean port: 7001?',
      't.yaml:7:31: chatservers.c1.address: expected an address and port that nothing else on the machine listens on, got 127.0.2.1:7000, which services.chat.listen has as [::]:7000; did you mean port 7001?',
    ],
  ],
  [
    'a wildcard VIP on the control port of the directors',
    file(
      '0.0.0.0:7400',
      'd1: { host: 10.0.0.1 }',
      'b1: { host: 10.0.1.1, port: 9 }',
      'c1: { address: 10.0.2.1:7000 }',
    ),
    [
      't.yaml:5:14: directors.d1.control: expected an address and port that nothing else on the machine listens on, got 10.0.0.1:7400, which services.chat.listen has as 0.0.0.0:7400; did you mean control: 7401?',
    ],
  ],
  [
    'two services on one VIP and port',
    sampleWith('directors:', '  push:\n    listen: 203.0.113.10:9000\ndirectors:')
      .replace('10.0.1.1 }', '10.0.1.1, ports: { push: 9001 } }')
      .replace('10.0.1.2 }', '10.0.1.2, ports: { push: 9001 } }'),
    [
      't.yaml:9:13: services.push.listen: expected an address and port that nothing else on the machine listens on, got 203.0.113.10:9000, which services.chat.listen has',
    ],
  ],
  [
    'a wildcard VIP after a VIP on the same port',
    sampleWith('directors:', "  push:\n    listen: '[::]:9000'\n    balancers: [b3]\ndirectors:").replace(
      'chatservers:',
      '  b3: { host: 10.0.1.3 }\nchatservers:',
    ),
    [
      't.yaml:9:13: services.push.listen: expected an address and port that nothing else on the machine listens on, got [::]:9000, which services.chat.listen has as 203.0.113.10:9000',
      't.yaml:16:3: balancers.b3.ports.push: expected an address and port that nothing else on the machine listens on, got 10.0.1.3:9000, which balancers.b3.ports.chat has; did you mean ports: { push: 9001 }?',
    ],
  ],
  [
    'two VIPs with one port at a balancer without ports of its own',
    sampleWith('directors:', '  push:\n    listen: 203.0.113.11:9000\n    balancers: [b2]\ndirectors:'),
    [
      't.yaml:15:3: balancers.b2.ports.push: expected an address and port that nothing else on the machine listens on, got 10.0.1.2:9000, which balancers.b2.ports.chat has; did you mean ports: { push: 9001 }?',
    ],
  ],
  [
    'one port for two services',
    sampleWith('directors:', '  push:\n    listen: 203.0.113.11:9001\ndirectors:').replace(
      '{ host: 10.0.1.1 }',
      '{ host: 10.0.1.1, port: 80 }',
    ),
    [
      't.yaml:13:25: balancers.b1.port: expected a port for each service, got one port for 2 services; did you mean ports: { chat: 80, push: 81 }?',
    ],
  ],
  [
    'two directors with different loopback addresses',
    file(
      '127.0.0.1:9000',
      'd1: { host: 127.0.0.1 }, d2: { host: 127.0.0.2 }',
      'b1: { host: 127.0.1.1 }',
      'c1: { address: 127.0.2.1:7000 }',
    ),
    [
      't.yaml:5:51: directors.d2.host: expected one director per machine, got 127.0.0.2, where d1 listens on the same VIPs',
    ],
  ],
  [
    'two directors on one machine',
    sampleWith('d1: { host: 10.0.0.1 }', 'd1: { host: 10.0.0.1 }\n  d2: { host: 10.0.0.1, control: 7401 }'),
    [
      't.yaml:10:15: directors.d2.host: expected one director per machine, got 10.0.0.1, where d1 listens on the same VIPs',
    ],
  ],
  [
    'one address written in two ways',
    sampleWith('10.0.2.1:7000', '"[2001:db8::1]:7000"')
      .replace('10.0.2.2:7000', '"[2001:DB8:0:0::1]:7000"')
      .replace(/7000" \}/g, '7000", heartbeat: { probe: tcp } }'),
    [
      't.yaml:15:18: chatservers.c2.address: expected an address and port that nothing else on the machine listens on, got [2001:db8::1]:7000, which chatservers.c1.address has; did you mean port 7001?',
    ],
  ],
];

for (const [title, text, lines] of conflicts) {
  test(`is a conflict: ${title}`, (t) => {
    t.deepEqual(problems(text).map(formatProblem), lines);
  });
}

const peaceful: readonly (readonly [string, string])[] = [
  [
    'two foreign chat servers on one machine',
    sampleText
      .replace('10.0.2.2:7000', '10.0.2.1:7001')
      .replaceAll(/(700\d) \}/g, '$1, heartbeat: { probe: tcp } }'),
  ],
  ['a wildcard VIP and balancers on machines of their own', sampleWith('203.0.113.10:9000', '0.0.0.0:9000')],
  [
    'a wildcard VIP, and loopback balancers away from the directors',
    file(
      '"[::]:9000"',
      'd1: { host: 10.0.0.1 }',
      'b1: { host: 127.0.0.1 }',
      'c1: { address: 127.0.0.2:7000 }',
    ),
  ],
  [
    'the VIP on an address of its own on the machine of a balancer',
    sampleWith('10.0.0.1', '10.0.1.1').replace('10.0.1.1 }\n', '10.0.1.1, control: 7401 }\n'),
  ],
  [
    'one port on different loopback addresses',
    file(
      '127.0.0.1:9000',
      'd1: { host: 127.0.0.1 }',
      'b1: { host: 127.0.1.1 }, b2: { host: 127.0.1.2 }',
      'c1: { address: 127.0.2.1:9000 }',
    ),
  ],
];

for (const [title, text] of peaceful) {
  test(`is no conflict: ${title}`, (t) => {
    t.is(valid(text).version, 1);
  });
}

test('a file of the largest size is checked in time', (t) => {
  const lines = (count: number, line: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => `  ${line(index)}\n`).join('');
  const address = (network: number, index: number): string => `10.${network}.${index >> 8}.${index & 255}`;
  const text = `version: 1
cluster: chat
secret: { env: KEY }
services:
${lines(64, (index) => `s${index}: { listen: 0.0.0.0:${9_000 + index} }`)}directors:
${lines(1_024, (index) => `d${index}: { host: ${address(1, index)} }`)}balancers:
${lines(1_024, (index) => `b${index}: { host: ${address(2, index)} }`)}chatservers:
${lines(1_024, (index) => `c${index}: { address: ${address(3, index)}:7000 }`)}`;
  t.is(valid(text).chatservers.length, 1_024);
  t.deepEqual(
    problems(`${text}  extra: { address: 10.9.9.9:7000 }\n`).map(({ path, message }) => [path, message]),
    [['chatservers', 'expected 1 to 1024 chat servers, got 1025']],
  );
});
