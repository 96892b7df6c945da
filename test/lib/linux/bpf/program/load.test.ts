import { describeError, isHeadgateError } from '../../../../../lib/errors/index.ts';
import { asm, Program, type ProgramSpec } from '../../../../../lib/linux/bpf/index.ts';
import { kernelTest } from '../kernel-test.ts';

const { R0, R1, R2, R3, R4, R6, R7 } = asm;

const xdp = (...instructions: asm.Code[]): ProgramSpec => ({ type: 'xdp', instructions });

kernelTest('a refused program is told with our comment and the text of the instruction', (t) => {
  const spec = xdp(
    asm.loadPacket(R1, R2, R3),
    asm.loadImm64(R4, 5n, 'takes two slots'),
    asm.loadMem(R0, R2, 12, 2, 'read the EtherType'),
    asm.exit(),
  );
  const error = t.throws(() => Program.load('hg_bad', spec), { code: 'HEADGATE_BPF_VERIFIER' });
  t.like(error, {
    facts: { slot: 4, instruction: 'r0 = *(u16 *)(r2 + 12)', comment: 'read the EtherType', code: 'EACCES' },
  });
  const line = describeError(error);
  t.regex(
    line,
    /^load eBPF program hg_bad: .*packet.* at slot 4: r0 = \*\(u16 \*\)\(r2 \+ 12\) \(read the EtherType\)/,
  );
  t.regex(line, /EACCES/);
  t.true(isHeadgateError(error) && String(error.facts['log']).includes('processed'));
});

kernelTest('a fault found before the walk is told with its place too', (t) => {
  const spec = xdp(asm.leave(0), asm.mov.imm(R0, 1, 'nobody comes here'), asm.exit());
  t.throws(() => Program.load('hg_bad', spec), {
    code: 'HEADGATE_BPF_VERIFIER',
    message: /unreachable insn 2 at slot 2: r0 = 1 \(nobody comes here\)/,
  });
});

kernelTest('a log longer than the first buffer is read to its end', (t) => {
  // Branches that the verifier cannot merge: it walks, and logs, each of them.
  const branches = Array.from({ length: 1500 }, (_, index) =>
    asm.scope(`b${index}`, [asm.jeq.imm(R6, index, 'same'), asm.add.imm(R7, 1), asm.label('same')]),
  );
  const spec = xdp(
    asm.fn.getPrandomU32.call(),
    asm.mov.reg(R6, R0),
    asm.mov.imm(R7, 0),
    branches,
    asm.loadMem(R0, R7, 0, 8, 'no pointer at all'),
    asm.exit(),
  );
  const error = t.throws(() => Program.load('hg_bad', spec), { code: 'HEADGATE_BPF_VERIFIER' });
  t.like(error, { facts: { comment: 'no pointer at all' } });
  t.true(isHeadgateError(error) && String(error.facts['log']).length > 64 * 1024);
});

kernelTest('names that the kernel would refuse are refused before', (t) => {
  for (const name of ['', 'sixteen_letters_', 'with space', 'ümlaut']) {
    t.throws(() => Program.load(name, xdp(asm.leave(0))), { code: 'HEADGATE_BPF_SPEC' });
  }
});
