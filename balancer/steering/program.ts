import { asm, type MapSpec, type ProgramSpec } from '../../lib/linux/bpf/index.ts';
import { placesMost, record } from './load-table.ts';

const {
  add,
  atomic,
  exit,
  explain,
  fn,
  ja,
  jeq,
  jge,
  label,
  loadMap,
  loadMapValue,
  loadMem,
  lsh,
  mov,
  scope,
  storeImm,
  storeMem,
} = asm;
const { R0, R1, R2, R3, R4, R6, R7, R8, R9, R10 } = asm;

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
const keyAt = -4;

/** A socket that is closed is found out by trying; one of those may be in the way. */
const tries = 2;

/**
 * Gives a new connection of listener `group` to the live worker with the smallest load of the first `places`, and counts
 * it there at once, so that the next one goes elsewhere. Where there is none the kernel chooses, by its hash. Runs as well
 * for connections whose listener closes before it has accepted them.
 */
export function steeringProgram(group: number, places: number): ProgramSpec {
  return {
    type: 'sk-reuseport',
    attachType: 'sk-reuseport-select-or-migrate',
    instructions: [
      mov.reg(R6, R1, 'the context'),
      Array.from({ length: tries }, (_, number) =>
        scope(`try${number}`, [
          find(places),
          jge.imm(R9, places, 'failed'),
          select(group),
          jeq.imm(R0, 0, 'found'),
          storeImm(R7, record.live, 0, 4, 'it has closed its socket'),
          ja('failed'),
          label('found'),
          mov.imm(R1, 1),
          atomic.add(R7, record.given, R1, 4, 'count it there'),
          mov.imm(R0, SK_PASS),
          exit(),
          label('failed'),
        ]),
      ),
      mov.imm(R0, SK_PASS),
      exit('the kernel chooses'),
    ],
  };
}

/** R9: the place with the smallest load, or `places`; R7: the first record. */
function find(places: number): asm.Code {
  return [
    loadMapValue(R7, 'loads', 0, 'the records'),
    mov.imm32(R8, mostLoad, 'the smallest load so far'),
    mov.imm(R9, places, 'whose it is: nobody'),
    Array.from({ length: places }, (_, place) => compare(place)),
  ];
}

function compare(place: number): asm.Code {
  const at = place * record.bytes;
  const next = `after${place}`;
  return explain(`worker ${place}`, [
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
function select(group: number): asm.Code {
  return explain('select its socket', [
    mov.reg(R1, R9),
    add.imm(R1, group * placesMost),
    storeMem(R10, keyAt, R1, 4),
    lsh.imm(R9, Math.log2(record.bytes)),
    add.reg(R7, R9),
    mov.reg(R1, R6),
    loadMap(R2, 'sockets'),
    mov.reg(R3, R10),
    add.imm(R3, keyAt),
    mov.imm(R4, 0),
    fn.skSelectReuseport.call(),
  ]);
}
