import test from 'ava';
import fc from 'fast-check';
import { describeError, isHeadgateError } from '../../../lib/errors/index.ts';
import {
  addBalancer,
  addChatServer,
  addDirector,
  removeNode,
  setState,
  setWeight,
} from '../../../topology/index.ts';
import { fileData, layout, sampleText, sampleWith, textOf, valid } from '../sample.ts';

/** Lines that went, with -, and lines that came, with +. */
function changes(before: string, after: string): readonly string[] {
  const rest = after.split('\n');
  const gone = before.split('\n').filter((line) => {
    const index = rest.indexOf(line);
    if (index !== -1) rest.splice(index, 1);
    return index === -1;
  });
  return [...gone.map((line) => `-${line}`), ...rest.map((line) => `+${line}`)];
}

function failure(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isHeadgateError(error))
      return `${error.code.replace('HEADGATE_TOPOLOGY_', '')}: ${describeError(error)}`;
    throw error;
  }
  throw new Error('it did not fail');
}

const block = `# The cluster.
version:   1      # odd spacing stays
cluster: 'chat'
secret:
    env: KEY

services:
    chat:
        listen: 203.0.113.10:9000


        balancers:
          - b1   # the old one
          - b2
        chatservers: [ c1,   c2 ]
directors:
    d1:
        host: 10.0.0.1   # in the rack
balancers:
    # b1 is old
    b1:
        host: 10.0.1.1
        weight: 2  # slow

    # b2 is new
    b2:
        host: 10.0.1.2
    # more to come

chatservers: { c1: {address: 10.0.2.1:7000}, c2: {address: 10.0.2.2:7000} } # all of them
`;

test('a new entry takes the style of its siblings: one line each', (t) => {
  const after = addBalancer(sampleText, 'b3', { host: '10.0.1.3', port: 9_001, weight: 3 });
  t.is(after, sampleWith('10.0.1.2 }\n', '10.0.1.2 }\n  b3: { host: 10.0.1.3, port: 9001, weight: 3 }\n'));
});

test('a new entry takes the style of its siblings: several lines, with a blank line between', (t) => {
  const after = addBalancer(block, 'b3', { host: '10.0.1.3', services: ['chat'] });
  t.is(
    after,
    block
      .replace('          - b2\n', '          - b2\n          - b3\n')
      .replace('10.0.1.2\n', '10.0.1.2\n\n    b3:\n        host: 10.0.1.3\n'),
  );
});

test('a new entry takes the style of its siblings: everything in one line', (t) => {
  const after = addChatServer(block, 'c3', { address: '[2001:db8::3]:7000', services: ['chat'] });
  t.is(
    after,
    block
      .replace('c1,   c2 ]', 'c1,   c2, c3 ]')
      .replace('10.0.2.2:7000} }', '10.0.2.2:7000}, c3: {address: "[2001:db8::3]:7000"} }'),
  );
});

test('a flow map over several lines gets another line, with and without a closing comma', (t) => {
  for (const comma of [',', '']) {
    const text = sampleText.replace(
      /balancers:\n.*\n.*\n/,
      `balancers: {\n  b1: { host: 10.0.1.1 }, # one\n  b2: { host: 10.0.1.2 }${comma} # two\n}\n`,
    );
    t.deepEqual(changes(text, addBalancer(text, 'b3', { host: '10.0.1.3' })), [
      ...(comma === '' ? ['-  b2: { host: 10.0.1.2 } # two', '+  b2: { host: 10.0.1.2 }, # two'] : []),
      `+  b3: { host: 10.0.1.3 }${comma}`,
    ]);
    t.deepEqual(changes(text, removeNode(text, 'b2')), [`-  b2: { host: 10.0.1.2 }${comma} # two`]);
  }
});

test('nodes can be added to a tier that is missing or empty, and to a file without a last line break', (t) => {
  const text = sampleText.replace(/directors:\n.*\n/, '').trimEnd();
  t.is(addDirector(text, 'd2', { host: '10.0.0.2' }), `${text}\n\ndirectors:\n  d2: { host: 10.0.0.2 }\n`);
  const empty = sampleText.replace(/directors:\n.*\n/, 'directors: {}\n');
  t.is(addDirector(empty, 'd2', { host: '10.0.0.2' }), empty.replace('{}', '{ d2: { host: 10.0.0.2 } }'));
  const open = sampleText.trimEnd();
  t.is(addChatServer(open, 'c3', { address: '10.0.2.3:7000' }), `${open}\n  c3: { address: 10.0.2.3:7000 }`);
});

test('an IPv6 address is written so that YAML reads it back', (t) => {
  const only = sampleText
    .replaceAll(/10\.0\.(\d)\.(\d)/g, '"2001:db8::$1:$2"')
    .replaceAll(/"(2001:\S+)":7000/g, '"[$1]:7000"');
  const added = addBalancer(only, 'b9', { host: '2001:db8::9' });
  t.is(valid(added).balancers.at(-1)?.host, '2001:db8::9');
});

test('drain and undrain leave the file as it was', (t) => {
  for (const text of [sampleText, block, sampleText.replaceAll('\n', '\r\n')]) {
    const drained = setState(text, 'b2', 'drain');
    t.is(valid(drained).balancers[1]?.state, 'drain');
    t.is(setState(drained, 'b2', 'active'), text);
    t.is(setState(drained, 'b2', 'drain'), drained);
    t.is(setState(text, 'b2', 'active'), text);
  }
});

test('a weight is set in its place, or added', (t) => {
  t.deepEqual(changes(block, setWeight(block, 'b1', 5)), [
    '-        weight: 2  # slow',
    '+        weight: 5  # slow',
  ]);
  t.deepEqual(changes(block, setWeight(block, 'b2', 5)), ['+        weight: 5']);
  t.deepEqual(changes(sampleText, setWeight(sampleText, 'c1', 0)), [
    '-  c1: { address: 10.0.2.1:7000 }',
    '+  c1: { address: 10.0.2.1:7000, weight: 0 }',
  ]);
});

test('a removed node goes from the lists of services too; comments on other lines stay', (t) => {
  t.is(
    removeNode(block, 'b1'),
    block.replace('          - b1   # the old one\n', '').replace(/ {4}b1:\n.*\n.*\n/, ''),
  );
  t.is(
    removeNode(block, 'c1'),
    block.replace('c1,   c2', 'c2').replace('c1: {address: 10.0.2.1:7000}, ', ''),
  );
  t.is(
    removeNode(block, 'c2'),
    block.replace('c1,   c2', 'c1').replace(', c2: {address: 10.0.2.2:7000}', ''),
  );
});

test('what would be invalid is refused with its located problem', (t) => {
  const refused: readonly (readonly [string, () => string])[] = [
    [
      'INVALID: the change would make the topology invalid: topology.yaml:8:1: directors: ',
      () => removeNode(sampleText, 'd1'),
    ],
    [
      'INVALID: the change would make the topology invalid: topology.yaml:13:15: balancers.b3.host: ',
      () => addBalancer(sampleText, 'b3', { host: 'nowhere' }),
    ],
    [
      'INVALID: the change would make the topology invalid: topology.yaml:13:3: balancers.b3.port: ',
      () => addBalancer(sampleText, 'b3', { host: '10.0.1.1', control: 1 }),
    ],
    [
      'INVALID: the change would make the topology invalid: topology.yaml:11:33: balancers.b1.weight: ',
      () => setWeight(sampleText, 'b1', 5_000),
    ],
    [
      'INVALID: the change would make the topology invalid: topology.yaml:13:3: balancers.B3: ',
      () => addBalancer(sampleText, 'B3', { host: '10.0.1.3' }),
    ],
    ['INVALID: topology.yaml:1:11: ', () => addBalancer('version: [', 'b3', { host: '10.0.1.3' })],
    [
      'DUPLICATE_NAME: topology.yaml has a balancer b1 already; choose another name',
      () => addChatServer(sampleText, 'b1', { address: '10.0.2.9:7000' }),
    ],
    ['NO_SUCH_NODE: topology.yaml has no node c22; did you mean c2?', () => removeNode(sampleText, 'c22')],
    [
      'UNKNOWN_NAME: topology.yaml has no service chta; did you mean chat?',
      () => addBalancer(sampleText, 'b3', { host: '10.0.1.3', services: ['chta'] }),
    ],
    [
      'NO_SUCH_NODE: d1 is a director, which has no weight; name a balancer or a chat server',
      () => setWeight(sampleText, 'd1', 2),
    ],
  ];
  for (const [message, run] of refused) t.is(failure(run).slice(0, message.length), message);
});

test('entries that share a YAML anchor are not changed together by accident', (t) => {
  const shared = sampleWith(
    '{ host: 10.0.1.1 }',
    '&b { host: 10.0.1.1, heartbeat: &h { probe: off } }',
  ).replace('{ host: 10.0.1.2 }', '{ host: 10.0.1.2, heartbeat: *h }');
  t.regex(
    failure(() => removeNode(shared, 'b1')),
    /^INVALID: .*expected an anchor set above/,
  );
  t.is(valid(setWeight(shared, 'b1', 4)).balancers[0]?.weight, 4);
  const whole = sampleText
    .replace('{ address: 10.0.2.1:7000 }', '{ address: 10.0.2.1:7000, weight: &w 3 }')
    .replace('{ address: 10.0.2.2:7000 }', '{ address: 10.0.2.2:7000, weight: *w }');
  t.regex(
    failure(() => setWeight(whole, 'c1', 5)),
    /^(INVALID|EDIT_UNSUPPORTED): /,
  );
  t.regex(
    failure(() => setWeight(whole, 'c2', 5)),
    /^EDIT_UNSUPPORTED: /,
  );
});

test('whatever the layout, an edit does what it says, touches one entry only and keeps every comment', (t) => {
  fc.assert(
    fc.property(
      fileData,
      layout,
      fc.nat(),
      fc.constantFrom('add', 'drain', 'active', 'weight', 'remove'),
      (data, style, pick, edit) => {
        let count = 0;
        // A comment behind every line that may have one.
        const text = textOf(data, { ...style, aliasDuplicateObjects: false }).replace(
          /(?<=[^\s,:{[|>])\n/g,
          () => ` # comment ${count++}\n`,
        );
        const before = valid(text);
        const nodes = [...Object.keys(data.balancers), ...Object.keys(data.chatservers)];
        const name = nodes[pick % nodes.length] ?? '';
        const isLast = Object.keys(data.balancers).length === 1 && name in data.balancers;
        const used = Object.values(data.services).some((service) =>
          JSON.stringify(service).includes(JSON.stringify(name)),
        );
        let after: string;
        if (edit === 'add') after = addChatServer(text, 'new-one', { address: '192.0.2.1:7000' });
        else if (edit === 'weight') after = setWeight(text, name, 77);
        else if (edit !== 'remove') after = setState(text, name, edit === 'drain' ? 'drain' : 'active');
        else if (isLast || used) return;
        else after = removeNode(text, name);
        const result = valid(after);
        const node = [...result.balancers, ...result.chatservers].find((each) => each.name === name);
        if (edit === 'weight') t.is(node?.weight, 77);
        if (edit === 'drain' || edit === 'active') t.is(node?.state, edit);
        t.is(node === undefined, edit === 'remove');
        t.is(
          result.chatservers.some((each) => each.name === 'new-one'),
          edit === 'add',
        );
        t.deepEqual(result.directors, before.directors);
        const comments = (of: string): readonly string[] => of.match(/# comment \d+/g) ?? [];
        const lost = comments(text).filter((comment) => !comments(after).includes(comment));
        // Only the lines of what is removed may go: a node has at most 9, a state 1.
        t.true(lost.length <= { add: 0, weight: 0, drain: 0, active: 1, remove: 9 }[edit], lost.join());
        const kept = comments(text).filter((comment) => !lost.includes(comment));
        t.deepEqual(comments(after), kept);
      },
    ),
    { numRuns: 50 },
  );
});
