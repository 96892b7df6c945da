import test from 'ava';
import { readReading, readSwapped, readToken, readWatchLine, swapBody } from '../../../lib/etcd/codec.ts';

const header = { cluster_id: '1', revision: '7' };
const kv = { key: 'aw==', value: 'dGV4dA==', mod_revision: '5', version: '1' };

test('an answer to a reading has its entries in order, left-out fields included', (t) => {
  const body = {
    header,
    succeeded: true,
    responses: [
      { response_range: { header, kvs: [kv], count: '1' } },
      { response_range: { header } },
      { response_range: { header, kvs: [{ ...kv, value: undefined }] } },
    ],
  };
  t.deepEqual(readReading(body, 3), {
    revision: 7n,
    entries: [{ value: 'text', modRevision: 5n }, undefined, { value: '', modRevision: 5n }],
  });
});

test('anything else is no answer', (t) => {
  const range = { response_range: { kvs: [kv] } };
  for (const body of [
    undefined,
    null,
    7,
    [],
    {},
    { header },
    { header, responses: [] },
    { responses: [range] },
    { header, responses: [{}] },
    { header: { revision: '-1' }, responses: [range] },
    { header, responses: [{ response_range: { kvs: [{ value: 7, mod_revision: '5' }] } }] },
  ])
    t.is(readReading(body, 1), undefined);
  t.is(readToken({ token: 'a\r\nx: y' }), undefined, 'nothing that could leave its header');
  t.is(readToken({ token: 'abc.12' }), 'abc.12');
});

test('a swap tells what it wrote, or what is there instead', (t) => {
  const swap = { key: 'k', modRevision: 5n, puts: new Map([['k', 'new']]) };
  t.deepEqual((swapBody(swap) as { compare: unknown }).compare, [
    { key: 'aw==', target: 'MOD', result: 'EQUAL', mod_revision: '5' },
  ]);
  t.deepEqual(readSwapped({ header, succeeded: true, responses: [{ response_put: {} }] }, swap), {
    done: true,
    reading: { revision: 7n, entries: [{ value: 'new', modRevision: 7n }] },
  });
  t.deepEqual(readSwapped({ header, responses: [{ response_range: { kvs: [kv] } }] }, swap), {
    done: false,
    reading: { revision: 7n, entries: [{ value: 'text', modRevision: 5n }] },
  });
});

test('lines of a watch: created, events, compacted, ended, and nonsense', (t) => {
  t.deepEqual(readWatchLine({ result: { header, created: true } }), { kind: 'created', revision: 7n });
  t.deepEqual(readWatchLine({ result: { header, events: [{ kv }] } }), { kind: 'events', revision: 7n });
  t.deepEqual(readWatchLine({ result: { header } }), { kind: 'progress', revision: 7n });
  t.deepEqual(readWatchLine({ result: { header: {}, canceled: true, compact_revision: '6' } }), {
    kind: 'compacted',
    revision: 6n,
  });
  t.deepEqual(readWatchLine({ result: { header, canceled: true, cancel_reason: 'no' } }), {
    kind: 'ended',
    why: 'no',
  });
  t.deepEqual(readWatchLine({ error: { message: 'gone' } }), { kind: 'ended', why: 'gone' });
  for (const line of [undefined, null, 'x', {}, { result: {} }]) t.is(readWatchLine(line), undefined);
});
