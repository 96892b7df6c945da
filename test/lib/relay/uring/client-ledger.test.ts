import fc from 'fast-check';
import test from 'ava';
import { canonicalAddress } from '../../../../lib/address/index.ts';
import type { RelayClient } from '../../../../lib/relay/index.ts';
import { ClientLedger } from '../../../../lib/relay/uring/client-ledger.ts';

const host = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => canonicalAddress(text) ?? '192.0.2.1');
const end = fc.record({ host, port: fc.nat(65_535) });
const client = fc.record({
  id: fc.maxSafeNat(),
  service: fc.constantFrom('chat', 'tls'),
  vip: fc.constantFrom('192.0.2.9:1', '192.0.2.9:2'),
  source: end,
  peer: end,
  forwarded: fc.boolean(),
  destination: end,
});

test('whatever clients are kept and taken in whatever order, each comes back as it was, once', (t) => {
  const rows = 16;
  fc.assert(
    fc.property(fc.array(fc.record({ row: fc.nat(rows - 1), client: fc.option(client) })), (steps) => {
      const ledger = new ClientLedger(rows);
      const model = new Map<number, RelayClient>();
      for (const step of steps) {
        if (step.client === null) {
          t.deepEqual(ledger.take(step.row), model.get(step.row));
          model.delete(step.row);
        } else {
          ledger.keep(step.row, step.client);
          model.set(step.row, step.client);
        }
      }
      for (let row = 0; row < rows; row++) t.deepEqual(ledger.take(row), model.get(row));
    }),
  );
});

test('more destinations than are shared keep their values', (t) => {
  const ledger = new ClientLedger(1);
  for (let port = 1; port < 3_000; port++) {
    const source = { host: '192.0.2.1', port };
    const one = {
      id: port,
      service: 'chat',
      vip: '192.0.2.9:1',
      source,
      peer: source,
      forwarded: false,
      destination: { ...source },
    };
    ledger.keep(0, one);
    t.deepEqual(ledger.take(0), one);
  }
});
