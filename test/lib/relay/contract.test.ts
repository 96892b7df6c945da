import test from 'ava';
import * as bytes from './contract-bytes.ts';
import * as ends from './contract-ends.ts';
import * as headers from './contract-headers.ts';
import * as listening from './contract-listening.ts';
import * as opening from './contract-opening.ts';
import { engines } from './engines.ts';

for (const engine of engines) {
  test(bytes.clientEndsFirst, engine);
  test(bytes.serverEndsFirst, engine);
  test(bytes.early, engine);
  test(bytes.ipv6, engine);

  for (const side of ['client', 'server'] as const) {
    test(ends.rst, engine, side);
    test(ends.rstAfterFin, engine, side);
  }
  test(ends.writeToGone, engine);
  test(ends.keepalive, engine);
  test(ends.reset, engine);
  test(ends.close, engine);

  for (const [what, accept, pieces] of headers.goodHeaders) {
    test(headers.stripped, engine, what, accept, pieces);
  }
  for (const bad of headers.badHeaders) test(headers.refused, engine, bad);
  test(headers.resetMidHeader, engine);
  test(headers.localHeader, engine);
  test(headers.sent, engine);

  test(opening.refusedNext, engine);
  test(opening.timeoutNext, engine);
  test(opening.timeoutAtOnce, engine);
  test(opening.allRefuse, engine);
  test(opening.localAddress, engine);
  test(opening.noDestination, engine, 'has no destination', () => null, 0);
  test(opening.noDestination, engine, 'rejects', () => Promise.reject(new Error('a fault')), 1);
  const throws = (): never => {
    throw new Error('a fault');
  };
  test(opening.noDestination, engine, 'throws', throws, 1);
  test(opening.throwingRouter, engine);
  test(opening.goneWhileRouting, engine);
  test(opening.goneWhileConnecting, engine);
  test(opening.closeWhileConnecting, engine);

  test(listening.limit, engine);
  test(listening.allowFrom, engine);
  test(listening.forwarders, engine);
  test(listening.update, engine);
  test(listening.keepsVip, engine);
  test(listening.listenerClose, engine);
  test(listening.queueDrains, engine);
  test(listening.portTaken, engine, false);
  test(listening.portTaken, engine, true);
  test(listening.shared, engine);
}
