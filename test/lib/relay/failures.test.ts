import test from 'ava';
import { describeError } from '../../../lib/errors/index.ts';
import { connectFailure, endReasonOf, listenFailure } from '../../../lib/relay/failures.ts';
import { settings } from './lab.ts';

const system = (code: string): Error => Object.assign(new Error(`connect ${code} 10.0.2.1:7000`), { code });
const destination = { id: 'c1', endpoint: { host: '10.0.2.1', port: 7_000 } };

test('a peer that vanished is a timeout, any other failure a reset', (t) => {
  t.is(endReasonOf('client', system('ETIMEDOUT')), 'client-timeout');
  t.is(endReasonOf('destination', system('EHOSTUNREACH')), 'destination-timeout');
  t.is(endReasonOf('client', system('ECONNRESET')), 'client-reset');
  t.is(endReasonOf('destination', system('EPIPE')), 'destination-reset');
});

test('a failed connect says whose fault it is', (t) => {
  t.is(connectFailure(destination, system('ECONNREFUSED')).code, 'HEADGATE_RELAY_CONNECT_REFUSED');
  t.is(connectFailure(destination, system('ETIMEDOUT')).code, 'HEADGATE_RELAY_CONNECT_TIMEOUT');
  t.like(connectFailure(destination, system('EMFILE')), {
    code: 'HEADGATE_RELAY_CONNECT_LOCAL',
    facts: { exhausted: true },
  });
  // Ephemeral ports run out for one destination only.
  t.like(connectFailure(destination, system('EADDRNOTAVAIL')), {
    code: 'HEADGATE_RELAY_CONNECT_LOCAL',
    facts: { exhausted: false },
  });
});

test('a failed connect and a taken port read as one line with a cure', (t) => {
  t.is(
    describeError(connectFailure(destination, system('ECONNREFUSED'))),
    'connect to c1 (10.0.2.1:7000): connect ECONNREFUSED 10.0.2.1:7000; ' +
      'check that the destination runs and listens on the address in the topology',
  );
  const endpoint = { host: '10.0.0.1', port: 80 };
  const spec = { service: 'chat', endpoint, backlog: 1, reusePort: false, acceptProxy: [], settings };
  t.regex(
    describeError(listenFailure(spec, system('EACCES'))),
    /^service chat: cannot listen on 10\.0\.0\.1:80: .*; use a port of 1024 or above/,
  );
});
