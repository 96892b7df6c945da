import test from 'ava';
import fc from 'fast-check';
import * as asm from '../../../../../lib/linux/bpf/asm/index.ts';
import { goldens } from './golden.ts';

const { R0, R1, R2, R10 } = asm;
const code = 'HEADGATE_BPF_ASSEMBLY';
const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

for (const { made, bytes, text } of goldens) {
  test(`"${text}" is ${bytes}`, (t) => {
    const program = asm.assemble([made, asm.exit(), asm.label('next'), asm.exit()]);
    const length = bytes.split(' ').length;
    t.is(hex(program.bytes.subarray(0, length)), bytes);
    t.is(asm.disassemble(program)[0]?.text, text);
    t.is(program.bytes.length, length + 16);
  });
}

test('instructions are frozen plain objects that carry their comment', (t) => {
  const made = asm.add.imm(R1, 22, 'skip the header');
  t.true(Object.isFrozen(made));
  t.deepEqual(made, {
    kind: 'instruction',
    opcode: 0x07,
    dst: 1,
    src: 0,
    offset: 0,
    immediate: 22,
    comment: 'skip the header',
  });
});

test('jumps count slots: a 64-bit load takes two', (t) => {
  const program = asm.assemble([
    asm.label('start'),
    asm.ja('end'),
    asm.loadImm64(R1, 1n),
    asm.jeq.imm(R1, 1, 'start'),
    asm.label('end'),
    asm.exit(),
  ]);
  t.deepEqual(
    [...program.labels],
    [
      ['start', 0],
      ['end', 4],
    ],
  );
  const offset = (slot: number) => new DataView(program.bytes.buffer).getInt16(slot * 8 + 2, true);
  t.is(offset(0), 3);
  t.is(offset(3), -4);
});

test('comments and maps are listed by slot', (t) => {
  const program = asm.assemble([
    asm.mov.imm(R0, 0),
    asm.loadMap(R1, 'flows', 'the flow table'),
    asm.loadMapValue(R2, 'config', 4),
    asm.exit('done'),
  ]);
  t.deepEqual(program.comments, [
    undefined,
    'the flow table',
    'the flow table',
    undefined,
    undefined,
    'done',
  ]);
  t.deepEqual(program.maps, [
    { slot: 1, map: 'flows' },
    { slot: 3, map: 'config' },
  ]);
});

test('explain() comments what has no comment of its own', (t) => {
  const items = asm.explain('outer', asm.mov.imm(R0, 0), asm.label('x'), asm.exit('inner'));
  t.deepEqual(
    items.map((item) => (item.kind === 'label' ? item.name : item.comment)),
    ['outer', 'x', 'inner'],
  );
});

test('a macro with labels is used twice through scope(), jumps to labels of others stay', (t) => {
  const macro = (name: string) =>
    asm.scope(name, asm.jeq.imm(R1, 0, 'skip'), asm.jeq.imm(R1, 1, 'out'), asm.label('skip'));
  const program = asm.assemble([macro('one'), macro('two'), asm.label('out'), asm.exit()]);
  t.deepEqual([...program.labels.keys()], ['one.skip', 'two.skip', 'out']);
});

test('a listing shows labels, slots and comments', (t) => {
  const program = asm.assemble([asm.loadMap(R1, 'flows', 'the table'), asm.label('end'), asm.exit()]);
  t.is(asm.listing(program), `    0: ${'r1 = map[flows]'.padEnd(40)} ; the table\nend:\n    2: exit\n`);
});

const refused: readonly (readonly [what: string, make: () => unknown, message: RegExp])[] = [
  ['a missing label', () => asm.assemble([asm.ja('x', 'go on')]), /slot 0 \(go on\): there is no label x/],
  ['a label that is there twice', () => asm.assemble([asm.label('x'), asm.label('x'), asm.exit()]), /twice/],
  ['a label at the very end', () => asm.assemble([asm.ja('x'), asm.label('x')]), /no instruction follows/],
  ['an empty program', () => asm.assemble([]), /empty/],
  ['an empty label', () => asm.label(''), /needs a name/],
  ['a 64-bit operation with an unsigned immediate', () => asm.mov.imm(R0, 0xffff_ffff), /32 signed bits/],
  ['a comparison with an unsigned immediate', () => asm.jeq.imm(R0, 0xffff_ffff, 'x'), /32 signed bits/],
  ['a 32-bit immediate of 33 bits', () => asm.mov.imm32(R0, 2 ** 32), /does not fit 32 bits/],
  ['a fraction', () => asm.mov.imm32(R0, 0.5), /does not fit/],
  ['a byte of 256', () => asm.storeImm(R10, -1, 256, 1), /does not fit 8 bits/],
  ['an offset of 17 bits', () => asm.loadMem(R0, R1, 32_768, 1), /does not fit 16 bits/],
  ['a load of 3 bytes', () => asm.loadMem(R0, R1, 0, 3), /1, 2, 4 or 8 bytes wide, not 3/],
  ['an atomic byte', () => asm.atomic.add(R1, 0, R2, 1), /4 or 8 bytes wide/],
  ['a 64-bit immediate of 65 bits', () => asm.loadImm64(R0, 2n ** 64n), /does not fit 64 bits/],
  ['an unsafe number', () => asm.loadImm64(R0, 2 ** 60), /give a bigint/],
  ['a negative place in a map', () => asm.loadMapValue(R0, 'm', -1), /does not lie in a map value/],
  ['a helper of no number', () => asm.callHelper(-1), /no helper -1/],
  ['a stack beyond its end', () => asm.zeroStack(-8, 16), /the stack reaches/],
];

for (const [what, make, message] of refused) {
  test(`${what} is refused`, (t) => {
    t.throws(make, { code, message });
  });
}

test('a jump of 32,768 slots is refused with the cure, jaLong and calls go that far', (t) => {
  const far = (jump: asm.Instruction) => [
    jump,
    Array.from({ length: 32_768 }, () => asm.mov.imm(R0, 0)),
    asm.label('far'),
    asm.exit(),
  ];
  t.throws(() => asm.assemble(far(asm.ja('far'))), { code, message: /jump there with jaLong/ });
  t.notThrows(() => asm.assemble(far(asm.jaLong('far'))));
  t.notThrows(() => asm.assemble(far(asm.call('far'))));
});

/** Programs of any instructions, with jumps to any of them. */
const program = fc
  .array(fc.tuple(fc.nat({ max: goldens.length - 1 }), fc.nat()), { minLength: 1, maxLength: 40 })
  .map((choices) => [
    choices.map(([index, target], at) => [
      asm.label(`at${at}`),
      asm
        .flatten(goldens[index]?.made ?? [])
        .map((item) =>
          item.kind === 'instruction' && item.target !== undefined
            ? { ...item, target: `at${target % choices.length}` }
            : item,
        ),
    ]),
  ]);

test('a program read back from its bytes assembles to the same bytes and reads the same', (t) => {
  fc.assert(
    fc.property(program, (made) => {
      const { bytes } = asm.assemble(made);
      const again = asm.assemble(asm.decode(bytes));
      t.deepEqual(again.bytes, bytes);
      t.deepEqual(
        asm.disassemble({ bytes: again.bytes }).map(({ text }) => text),
        asm.disassemble({ bytes }).map(({ text }) => text),
      );
    }),
  );
});

test('every jump of an assembled program lands on an instruction of it', (t) => {
  fc.assert(
    fc.property(program, (made) => {
      const assembled = asm.assemble(made);
      const starts = new Set(asm.disassemble(assembled).map(({ slot }) => slot));
      for (const item of asm.decode(assembled.bytes)) {
        if (item.kind === 'label') t.true(starts.has(Number(item.name.slice(1))));
      }
    }),
  );
});

test('any eight bytes are read or refused, never something else', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
      try {
        t.is(asm.disassemble({ bytes }).length, 1);
      } catch (error) {
        t.like(error, { code });
      }
    }),
    { numRuns: 500 },
  );
});
