import { asm, type MapSpec, type ProgramSpec } from '../../lib/linux/bpf/index.ts';
import { placesMost, record } from './load-table.ts';

const {
  add,
  atomic,
  exit,
  explain,
  fn,
  jeq,
  jge,
  jne,
  label,
  loadMap,
  loadMapValue,
  loadMem,
  lsh,
  mov,
  scope,
  storeMem,
} = asm;
const { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 } = asm;

/** Listeners a table has room for; each has a place per worker. */
export const groupsMost = 64;

/** The listening sockets: entry `group * placesMost + place`. */
export const socketsSpec: MapSpec = {
  type: 'reuseport-sockarray',
  keySize: 4,
  valueSize: 4,
  maxEntries: groupsMost * placesMost,
};

const SK_PASS = 1;
const mostLoad = 0xffff_ffff;

/**
 * Workers asked for one connection, each another. That one has no socket here is found out by asking: it has died just
 * now, or it is the first to close this listener, or the last to open it.
 */
const tries = 2;

/** Where on the stack a try keeps the key of its socket, which those after it pass over. */
const keyAt = (number: number): number => -4 * (number + 1);

/** Where a try has the keys of those before it: no call changes these registers while places are compared. */
const keysTried = ([R3, R4, R5] as const).slice(0, tries - 1);

/**
 * Gives a new connection of listener `group` to the live worker with the smallest load of the first `places`, and counts
 * it there at once, so that the next one goes elsewhere. One without a socket in this group is passed over for this
 * connection only, for it may have its sockets in all other groups: who is live is for the workers and the supervisor to
 * say. Where there is none the kernel chooses, by its hash. Runs as well for connections whose listener closes before it
 * has accepted them.
 */
export function steeringProgram(group: number, places: number): ProgramSpec {
  return {
    type: 'sk-reuseport',
    attachType: 'sk-reuseport-select-or-migrate',
    instructions: [
      mov.reg(R6, R1, 'the context'),
      Array.from({ length: tries }, (_, number) =>
        scope(`try${number}`, [
          find(group, places, number),
          jge.imm(R9, places, 'hash'),
          select(group, number),
          jne.imm(R0, 0, 'failed', 'it has no socket here'),
          mov.imm(R1, 1),
          atomic.add(R7, record.given, R1, 4, 'count it there'),
          mov.imm(R0, SK_PASS),
          exit(),
          label('failed'),
        ]),
      ),
      label('hash'),
      mov.imm(R0, SK_PASS),
      exit('the kernel chooses'),
    ],
  };
}

/** R9: the place with the smallest load that was not tried, or `places`; R7: the first record. */
function find(group: number, places: number, number: number): asm.Code {
  const tried = keysTried.slice(0, number);
  return [
    loadMapValue(R7, 'loads', 0, 'the records'),
    mov.imm32(R8, mostLoad, 'the smallest load so far'),
    mov.imm(R9, places, 'whose it is: nobody'),
    tried.map((key, before) => loadMem(key, R10, keyAt(before), 4, 'who was tried')),
    Array.from({ length: places }, (_, place) => compare(group, place, tried)),
  ];
}

function compare(group: number, place: number, tried: readonly asm.Register[]): asm.Code {
  const at = place * record.bytes;
  const next = `after${place}`;
  return explain(`worker ${place}`, [
    tried.map((key) => jeq.imm(key, keyOf(group, place), next)),
    loadMem(R1, R7, at + record.live, 4),
    jeq.imm(R1, 0, next),
    loadMem(R1, R7, at + record.given, 4),
    loadMem(R2, R7, at + record.offset, 4),
    add.reg32(R1, R2),
    jge.reg(R1, R8, next),
    mov.reg(R8, R1),
    mov.imm(R9, place),
    label(next),
  ]);
}

/** R0: 0 when the socket of R9 was selected. R7 becomes its record. */
function select(group: number, number: number): asm.Code {
  return explain('select its socket', [
    mov.reg(R1, R9),
    add.imm(R1, keyOf(group, 0)),
    storeMem(R10, keyAt(number), R1, 4),
    lsh.imm(R9, Math.log2(record.bytes)),
    add.reg(R7, R9),
    mov.reg(R1, R6),
    loadMap(R2, 'sockets'),
    mov.reg(R3, R10),
    add.imm(R3, keyAt(number)),
    mov.imm(R4, 0),
    fn.skSelectReuseport.call(),
  ]);
}

/** Entry of the listening sockets. */
function keyOf(group: number, place: number): number {
  return group * placesMost + place;
}
