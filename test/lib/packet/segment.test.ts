import test from 'ava';
import fc from 'fast-check';
import {
  buildPacket,
  judgeTcpChecksum,
  locateTcp,
  parseIp,
  segmentTcp,
  TcpFlag,
  tcpLayout,
} from '../../../lib/packet/index.ts';

interface Sample {
  readonly v6?: boolean;
  readonly payload: Uint8Array;
  readonly flags?: number;
  readonly sequence?: number;
  readonly urgent?: number;
  readonly id?: number;
  readonly timestamps?: boolean;
  readonly partial?: boolean;
}

function build(sample: Sample): Uint8Array {
  const { v6 = false, payload, flags = TcpFlag.Ack, sequence = 1, urgent = 0, id = 0 } = sample;
  const ip = v6
    ? { source: '2001:db8::1', destination: '2001:db8::2' }
    : { source: '192.0.2.1', destination: '192.0.2.2', id, dontFragment: true };
  return buildPacket({
    ip,
    tcp: {
      sourcePort: 1,
      destinationPort: 2,
      sequence,
      flags,
      urgent,
      options: sample.timestamps === true ? [{ kind: 8, data: new Uint8Array(8) }] : [],
      checksum: sample.partial === true ? 'partial' : 'full',
    },
    payload,
  });
}

function cut(packet: Uint8Array, most: number): Uint8Array[] {
  return segmentTcp(packet, locateTcp(packet)!, most);
}

/** Bytes and marks by their sequence numbers. */
function unfold(packets: readonly Uint8Array[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const packet of packets) {
    const { ip, transport, malformed } = parseIp(packet);
    if (malformed !== undefined || transport?.kind !== 'tcp' || ip === undefined)
      throw new Error('malformed');
    if (ip.payloadEnd !== packet.length) throw new Error('its length is not its own');
    const { flags, sequence, payloadOffset, payloadEnd, urgent } = transport;
    const has = (flag: number) => (flags & flag) !== 0;
    const put = (what: string, value: string) => {
      if (found.has(what)) throw new Error(`${what} twice`);
      found.set(what, value);
    };
    const first = (sequence + (has(TcpFlag.Syn) ? 1 : 0)) >>> 0;
    const bytes = payloadEnd - payloadOffset;
    for (let index = 0; index < bytes; index++) {
      put(`byte ${(first + index) >>> 0}`, String(packet[payloadOffset + index]));
    }
    if (has(TcpFlag.Syn)) put('syn', String(sequence));
    if (has(TcpFlag.Fin)) put('fin', String((first + bytes) >>> 0));
    if (has(TcpFlag.Rst)) put('rst', String((first + bytes) >>> 0));
    if (has(TcpFlag.Psh)) put('psh', String((first + bytes) >>> 0));
    if (has(TcpFlag.Cwr)) put('cwr', String(sequence));
    if (has(TcpFlag.Urg)) found.set('urgent', String((sequence + urgent) >>> 0));
  }
  return found;
}

const samples = fc.record({
  v6: fc.boolean(),
  payload: fc.uint8Array({ maxLength: 4_000 }),
  flags: fc.integer({ min: 0, max: 0xff }),
  sequence: fc.integer({ min: 0, max: 0xffff_ffff }),
  urgent: fc.integer({ min: 0, max: 6_000 }),
  id: fc.integer({ min: 0, max: 0xffff }),
  timestamps: fc.boolean(),
  partial: fc.boolean(),
});

test('segments carry the same bytes and marks at the same sequence numbers, none too big, all with right checksums', (t) => {
  fc.assert(
    fc.property(samples, fc.integer({ min: 1, max: 1_600 }), (sample, most) => {
      const packet = build(sample);
      const before = packet.slice();
      const segments = cut(packet, most);
      t.deepEqual(packet, before, 'the packet itself is untouched');
      t.is(segments.length, Math.max(1, Math.ceil(sample.payload.length / most)));
      for (const [index, segment] of segments.entries()) {
        const located = locateTcp(segment)!;
        t.true(located.end - located.payloadAt <= most);
        t.is(judgeTcpChecksum(segment, located), 'right');
        const { ip, transport } = parseIp(segment);
        if (transport?.kind !== 'tcp') throw new Error('no TCP');
        t.deepEqual(transport.options.length, sample.timestamps ? 1 : 0);
        if (ip?.kind === 'ipv4') {
          t.is(ip.id, (sample.id + index) & 0xffff);
          t.is(checksumOfHeader(segment), 0xffff);
        }
        t.is(transport.flags & TcpFlag.Ack, sample.flags & TcpFlag.Ack);
      }
      const [whole, parts] = [unfold([packet]), unfold(segments)];
      const lines = (found: ReadonlyMap<string, string>) =>
        Array.from(found, (pair) => pair.join(' ')).sort();
      t.deepEqual(lines(parts), lines(whole));
    }),
    { numRuns: 300 },
  );
});

function checksumOfHeader(packet: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += (packet[at]! << 8) | packet[at + 1]!;
  return (sum & 0xffff) + (sum >>> 16);
}

test('a checksum is right, unfinished or wrong', (t) => {
  const payload = Uint8Array.of(1, 2, 3);
  for (const v6 of [false, true]) {
    const judge = (packet: Uint8Array) => judgeTcpChecksum(packet, locateTcp(packet)!);
    t.is(judge(build({ v6, payload })), 'right');
    t.is(judge(build({ v6, payload, partial: true })), 'unfinished');
    const broken = build({ v6, payload });
    broken[broken.length - 1]! ^= 1;
    t.is(judge(broken), 'wrong');
  }
});

test('only whole TCP packets are located, whatever the bytes are', (t) => {
  const packet = build({ payload: Uint8Array.of(1, 2, 3), timestamps: true });
  for (let length = 0; length < packet.length; length++)
    t.is(locateTcp(packet.subarray(0, length)), undefined);
  t.truthy(locateTcp(Uint8Array.of(...packet, 0, 0)));
  const fragment = packet.slice();
  fragment[6] = 0x20;
  t.is(locateTcp(fragment), undefined);
  const short = packet.slice();
  tcpLayout.set(short, 'lengthAndReserved', 0x40, 20);
  t.is(locateTcp(short), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      t.notThrows(() => locateTcp(bytes));
    }),
  );
});
