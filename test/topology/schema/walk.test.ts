import test from 'ava';
import { jsonSchema, keyReference } from '../../../topology/index.ts';
import { keysAt } from '../../../topology/schema/walk.ts';

test('every key has a description, a unit, its effect on live connections, and a default unless it is required', (t) => {
  const rows = keyReference();
  t.true(rows.length > 50);
  t.is(new Set(rows.map(({ path }) => path)).size, rows.length);
  for (const { path, about, unit, effect, required, defaultValue, defaultText } of rows) {
    t.regex(about, /\.$/, path);
    t.regex(effect, /\.$/, path);
    t.not(unit, '', path);
    const isMap = unit === 'map';
    t.is(required || isMap || defaultValue !== undefined || defaultText !== undefined, true, path);
  }
});

test('the reference tells defaults as they are written in the file', (t) => {
  const defaults = new Map(
    keyReference().map((row) => [row.path, row.required ? 'required' : row.defaultValue]),
  );
  t.is(defaults.get('heartbeat.interval'), '1s');
  t.is(defaults.get('heartbeat.misses'), '3');
  t.is(defaults.get('grace'), '30s');
  t.is(defaults.get('services.NAME.buffer'), '256KiB');
  t.is(defaults.get('balancers.NAME.control'), '7400');
  t.is(defaults.get('balancers.NAME.host'), 'required');
  t.is(defaults.get('balancers.NAME.workers'), undefined);
});

test('the keys of a place are known, and names are free', (t) => {
  t.deepEqual(keysAt(['directors', 'd1']), ['host', 'interface', 'control']);
  t.deepEqual(keysAt(['balancers', 'b1', 'heartbeat']), ['probe', 'port', 'send', 'expect']);
  t.deepEqual(keysAt(['directors']), []);
  t.deepEqual(keysAt(['nothing', 'here']), []);
});

test('the JSON Schema for editors knows defaults, patterns and closed maps', (t) => {
  const schema = JSON.parse(JSON.stringify(jsonSchema())) as {
    readonly additionalProperties: unknown;
    readonly required: readonly string[];
    readonly properties: Readonly<Record<string, { readonly properties?: Readonly<Record<string, object>> }>>;
  };
  t.is(schema.additionalProperties, false);
  t.deepEqual(schema.required, [
    'version',
    'cluster',
    'secret',
    'services',
    'directors',
    'balancers',
    'chatservers',
  ]);
  t.like(schema.properties['heartbeat']?.properties?.['interval'], { default: '1s', type: 'string' });
});
