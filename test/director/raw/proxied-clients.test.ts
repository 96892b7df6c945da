import test from 'ava';
import { flowKey, keyText } from '../../../director/forward/index.ts';
import { ProxiedClients } from '../../../director/raw/proxied-clients.ts';
import { ipBytes } from '../../../lib/packet/index.ts';
import { ManualClock } from '../../manual-clock.ts';

test('packets of a service that left the proxy are for the proxy while its client is there, and for a moment all', (t) => {
  const clock = new ManualClock();
  const service = { index: 1, listen: { host: '203.0.113.10', port: 9_000 } };
  const other = { index: 2, listen: { host: '203.0.113.10', port: 9_001 } };
  let clients = [{ host: '198.51.100.7', port: 5 }];
  const proxied = new ProxiedClients(clock, ({ port }) => (port === 9_000 ? clients : undefined));
  const key = (port: number) => keyText(flowKey(ipBytes('198.51.100.7'), port, 1));
  const answers = () => [
    proxied.has(service, key(5)),
    proxied.has(service, key(6)),
    proxied.has(other, key(5)),
  ];
  t.deepEqual(answers(), [false, false, false]);
  proxied.leave([service.listen]);
  proxied.look([service, other]);
  t.deepEqual(answers(), [true, true, false]);
  clock.advance(3_000);
  proxied.look([service, other]);
  t.deepEqual(answers(), [true, false, false]);
  clients = [];
  proxied.look([service, other]);
  t.deepEqual(answers(), [false, false, false]);
});
