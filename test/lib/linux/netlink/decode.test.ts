import test from 'ava';
import fc from 'fast-check';
import {
  decodeAddress,
  decodeLink,
  decodeNeighbour,
  decodeRoute,
} from '../../../../lib/linux/netlink/decode.ts';
import { decodeAttributes, decodeMessages } from '../../../../lib/linux/netlink/message.ts';
import { decodeVerdict } from '../../../../lib/linux/netlink/refusal.ts';
import { decodeEvents } from '../../../../lib/linux/netlink/watch.ts';
import { answer, hex, linkMessage, neighbourMessage, refused, routeMessage } from './golden.ts';

const payload = (datagram: Uint8Array): Uint8Array => decodeMessages(datagram)![0]!.payload;

test('an interface, a neighbour and a route are read out of the kernel’s messages', (t) => {
  t.deepEqual(decodeLink(payload(linkMessage(1))), {
    index: 2,
    name: 'eth0',
    mac: '02:00:00:00:00:01',
    mtu: 1_500,
    loopback: false,
    up: true,
    carrier: true,
    resolves: true,
    kind: 'veth',
  });
  t.deepEqual(decodeNeighbour(payload(neighbourMessage(1))), {
    ifindex: 2,
    address: '10.77.1.2',
    mac: '02:00:00:00:00:02',
    state: 'reachable',
  });
  t.deepEqual(decodeRoute(payload(routeMessage(1))), {
    kind: 'unicast',
    ifindex: 2,
    gateway: '10.77.0.1',
    source: '10.77.1.2',
    mtu: 1_400,
  });
});

test('an IPv4 route through an IPv6 gateway names it', (t) => {
  const route = answer(24, 1, hex('02 20 00 00 fe 00 00 01 00000000'), [
    [4, hex('02000000')],
    [18, hex('0a00 fd770000000000000000000000000001')],
  ]);
  t.like(decodeRoute(payload(route)), { gateway: 'fd77::1', source: undefined });
});

test('a message cut off at any byte is not whole, and its payload cut off anywhere is read or refused, never thrown at', (t) => {
  for (const message of [linkMessage(1), neighbourMessage(1), routeMessage(1), refused(1, 1, 'no')]) {
    for (let length = 1; length < message.length; length++) {
      t.is(decodeMessages(message.subarray(0, length)), undefined);
      t.deepEqual(decodeEvents(message.subarray(0, length)), [{ kind: 'lost' }]);
    }
    const whole = payload(message);
    for (let length = 0; length < whole.length; length++) {
      for (const decode of [decodeLink, decodeAddress, decodeNeighbour, decodeRoute])
        t.notThrows(() => decode(whole.subarray(0, length)));
    }
  }
});

test('lengths that lie are refused', (t) => {
  const message = linkMessage(1).slice();
  for (const length of [0, 15, message.length + 1, 0xffff_ffff]) {
    new DataView(message.buffer).setUint32(0, length, true);
    t.is(decodeMessages(message), undefined, `message of ${length}`);
  }
  for (const length of ['0000', '0300', '0900', 'ffff'])
    t.is(decodeAttributes(hex(`${length} 0100 00000000`)), undefined, `attribute of ${length}`);
});

test('arbitrary bytes never make a decoder throw or run for ever', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeEvents(bytes);
      for (const message of decodeMessages(bytes) ?? []) decodeVerdict(message);
      for (const decode of [decodeLink, decodeAddress, decodeNeighbour, decodeRoute]) decode(bytes);
    }),
  );
  t.pass();
});
