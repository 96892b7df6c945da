import test from 'ava';
import fc from 'fast-check';
import { receiveFilter, receiveRulesMost } from '../../../director/raw/receive-filter.ts';
import { FilterCode, fromNetworkHeader, type FilterInstruction } from '../../../lib/linux/index.ts';
import { buildPacket, ipBytes } from '../../../lib/packet/index.ts';

/** The few instructions that are used, as the kernel runs them; `base`: where the socket's packet begins in the IP packet. */
function run(program: readonly FilterInstruction[], packet: Uint8Array, base: number): number {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const at = (operand: number) =>
    operand >= fromNetworkHeader ? operand - fromNetworkHeader : base + operand;
  let a = 0;
  let x = 0;
  for (let pc = 0; pc < program.length; pc++) {
    const { code, operand, whenTrue = 0, whenFalse = 0 } = program[pc]!;
    const jump = (condition: boolean) => (pc += condition ? whenTrue : whenFalse);
    if (code === FilterCode.Return) return operand;
    if (code === FilterCode.LoadWord) a = view.getUint32(at(operand));
    else if (code === FilterCode.LoadHalf) a = view.getUint16(at(operand));
    else if (code === FilterCode.LoadHalfIndexed) a = view.getUint16(base + x + operand);
    else if (code === FilterCode.LoadIpv4Length) x = (view.getUint8(base + operand) & 0xf) * 4;
    else if (code === FilterCode.JumpEqual) jump(a === operand);
    else if (code === FilterCode.JumpGreater) jump(a > operand);
    else if (code === FilterCode.JumpGreaterOrEqual) jump(a >= operand);
    else throw new Error(`instruction ${code}`);
  }
  throw new Error('the program does not end');
}

for (const family of [4, 6] as const) {
  const hosts = family === 4 ? ['10.0.0.1', '10.0.0.2', '10.0.1.1'] : ['fd00::1', 'fd00::2', 'fd00:0:1::1'];
  test(`a filter over IPv${family} takes exactly what a rule says`, (t) => {
    const port = fc.integer({ min: 1, max: 65_535 });
    const rule = fc.tuple(fc.constantFrom(...hosts), port, fc.nat(300));
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 8 }),
        fc.constantFrom(...hosts),
        port,
        fc.nat(10),
        (rules, destination, destinationPort, options) => {
          const program = receiveFilter(
            rules.map(([host, first, more]) => ({
              address: ipBytes(host),
              first,
              last: Math.min(65_535, first + more),
            })),
          );
          const packet = buildPacket({
            ip: {
              source: hosts[0]!,
              destination,
              ...(family === 4 ? { options: new Uint8Array(options * 4) } : {}),
            },
            tcp: { sourcePort: 1, destinationPort },
          });
          const wanted = rules.some(
            ([host, first, more]) =>
              host === destination &&
              destinationPort >= first &&
              destinationPort <= Math.min(65_535, first + more),
          );
          t.is(run(program, packet, family === 4 ? 0 : 40) > 0, wanted);
        },
      ),
    );
  });
}

test('more rules than fit are refused', (t) => {
  const rule = { address: ipBytes('fd00::1'), first: 1, last: 2 };
  t.notThrows(() => receiveFilter(Array.from({ length: receiveRulesMost }, () => rule)));
  t.throws(() => receiveFilter(Array.from({ length: receiveRulesMost + 1 }, () => rule)), {
    instanceOf: RangeError,
  });
});
