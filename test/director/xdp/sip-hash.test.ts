import { asm, loadCollection, XdpAction } from '../../../lib/linux/bpf/index.ts';
import { FlowHasher, hashKeyFromHex } from '../../../lib/maglev/index.ts';
import { encodeConfig, mapSpecs } from '../../../director/xdp/index.ts';
import { slotFunction } from '../../../director/xdp/program/index.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { vectors } from '../../lib/maglev/vectors.ts';
import { config } from '../forward/world.ts';

const { R0, R1, R2, R6, R7, R8, FP } = asm;

/** The slot of the 18 bytes that the packet begins with. */
function slotProgram(tableSize: number) {
  return {
    type: 'xdp',
    instructions: [
      asm.mov.reg(R6, R1),
      asm.loadPacket(R6, R7, R8),
      asm.requireBytes(R7, R8, 18, R2, 'short'),
      asm.copyBytes(FP, -24, R7, 0, 18, R1),
      asm.mov.reg(R1, FP),
      asm.add.imm(R1, -24),
      asm.call('slot'),
      asm.exit(),
      asm.label('short'),
      asm.mov.imm(R0, XdpAction.Aborted),
      asm.exit(),
      slotFunction('slot', tableSize),
    ],
  } as const;
}

kernelTest("the program's SipHash-1-3 gives the slots of the committed vectors", (t) => {
  const { config: configSpec } = mapSpecs({
    services: 1,
    balancers: 1,
    flows: 1,
    unconfirmedFlows: 1,
    tableSize: 251,
  });
  const { maps, programs, close } = loadCollection({
    maps: { config: configSpec },
    programs: { large: slotProgram(65_537), small: slotProgram(251) },
  });
  t.teardown(close);
  t.true(vectors.flows.length > 10);
  for (const { hashKey, input, slot65537, slot251 } of vectors.flows) {
    maps.config.update(0, encodeConfig({ ...config, hasher: new FlowHasher(hashKeyFromHex(hashKey)) }, 0));
    const data = Uint8Array.from(Buffer.from(input, 'hex'));
    t.is(programs.large.test({ data }).result, slot65537, input);
    t.is(programs.small.test({ data }).result, slot251, input);
  }
  close();
});
