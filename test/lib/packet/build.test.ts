import test from 'ava';
import {
  buildPacket,
  buildTcp,
  fold,
  ipBytes,
  parseIp,
  pseudoHeaderSum,
  TcpFlag,
} from '../../../lib/packet/index.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const ip = { source: '10.0.0.1', destination: '10.0.0.2' };
const addresses = { source: ipBytes(ip.source), destination: ipBytes(ip.destination) };

test('a whole frame is built as it is on the wire', (t) => {
  const frame = buildPacket({
    ethernet: {
      source: '02:00:00:00:00:01',
      destination: '02:00:00:00:00:02',
      vlans: [{ id: 5, priority: 3 }],
    },
    ip: { ...ip, id: 1, dontFragment: true },
    tcp: { sourcePort: 4000, destinationPort: 9000, sequence: 1, flags: TcpFlag.Syn },
  });
  const expected = [
    '020000000002020000000001' + '81006005' + '0800',
    // Sum of the words 4500 0028 0001 4000 4006 0a00 0001 0a00 0002 is d932: checksum 26cd.
    '4500002800014000400626cd0a0000010a000002',
    // Pseudo header and segment sum up to 0fa0+2328+0001+5002+ffff+0a00+0001+0a00+0002+0006+0014: checksum 6917.
    '0fa023280000000100000000' + '5002ffff' + '6917' + '0000',
  ];
  t.is(hex(frame), expected.join(''));
});

test('a partial checksum is the folded pseudo header, as a network card wants it', (t) => {
  const segment = buildTcp(
    { sourcePort: 1, destinationPort: 2, checksum: 'partial' },
    new Uint8Array(3),
    addresses,
  );
  t.is((segment[16] ?? 0) * 256 + (segment[17] ?? 0), fold(pseudoHeaderSum(addresses, 6, 23)));
});

test('a computed UDP checksum of zero is sent as 65,535, a given one stays', (t) => {
  const sum = (sourcePort: number) => {
    const { transport } = parseIp(buildPacket({ ip, udp: { sourcePort, destinationPort: 0 } }));
    return transport?.kind === 'udp' ? transport.checksum : -1;
  };
  // The checksum without a port, taken as the port, makes all words add up to 0xffff.
  t.is(sum(sum(0)), 0xffff);
  const { transport } = parseIp(buildPacket({ ip, udp: { sourcePort: 1, destinationPort: 2, checksum: 0 } }));
  t.like(transport, { checksum: 0 });
});

test('wrong lengths and checksums can be asked for', (t) => {
  const bytes = buildPacket({
    ip: { ...ip, totalLength: 9, headerLength: 40, checksum: 0xbeef },
    payload: new Uint8Array(4),
  });
  t.is(hex(bytes.subarray(0, 4)), '4a000009');
  t.is(hex(bytes.subarray(10, 12)), 'beef');
});

test('addresses that are none, of two versions, or options that are too long are refused', (t) => {
  t.throws(() => buildPacket({ ip: { source: '10.0.0.256', destination: '10.0.0.1' } }), {
    message: /not an IP address/,
  });
  t.throws(() => buildPacket({ ip: { source: '::1', destination: '10.0.0.1' } }), {
    message: /two IP versions/,
  });
  t.throws(() => buildPacket({ ip: { ...ip, options: new Uint8Array(41) } }), { message: /too long/ });
  t.throws(() => buildPacket({ ip, ethernet: { source: '1', destination: '2' } }), {
    message: /not a MAC address/,
  });
});
