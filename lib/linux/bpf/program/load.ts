import { HeadgateError } from '../../../errors/index.ts';
import { assemble, disassemble, type Assembled } from '../asm/index.ts';
import { programLoad } from '../sys/attributes.ts';
import { attributesOf, bpf, pointerTo } from '../sys/bpf.ts';
import { Command } from '../sys/command.ts';
import { Descriptor } from '../sys/descriptor.ts';
import { bpfError, Errno } from '../sys/errno.ts';
import { decodeName, encodeName } from '../sys/name.ts';
import { attachTypes, programTypes, type ProgramSpec } from './spec.ts';
import { readVerifierLog } from './verifier-log.ts';

/** Maps by the name that the program's instructions use. */
export type MapsByName = Readonly<Record<string, { readonly fd: number }>>;

const BPF_F_XDP_HAS_FRAGS = 1 << 5;
const DEFAULT_LICENSE = 'Dual MIT/GPL';

/** The log starts small and grows to what the kernel wants, at most this. */
const FIRST_LOG_BYTES = 64 * 1024;
const LARGEST_LOG_BYTES = 16 * 1024 * 1024;

/** Whether the verifier's log is written: its BPF_LOG_LEVEL1. */
const LOG_LEVEL = 1;

/**
 * Puts the descriptors of the maps into a copy of the program. Throws HEADGATE_BPF_SPEC when a map is
 * missing.
 */
export function relocate(name: string, assembled: Assembled, maps: MapsByName): Uint8Array {
  const bytes = assembled.bytes.slice();
  const view = new DataView(bytes.buffer);
  for (const { slot, map } of assembled.maps) {
    const found = maps[map];
    if (found === undefined) {
      throw new HeadgateError('HEADGATE_BPF_SPEC', `eBPF program ${name}: there is no map ${map}`);
    }
    view.setInt32(slot * 8 + 4, found.fd, true);
  }
  return bytes;
}

/**
 * Gives a program to the verifier. Throws HEADGATE_BPF_VERIFIER, whose message tells the verifier's reason
 * with our own comment and text of the instruction, and whose facts have the full `log`; HEADGATE_BPF_SPEC;
 * HEADGATE_BPF_UNAVAILABLE.
 */
export function loadProgramDescriptor(name: string, spec: ProgramSpec, maps: MapsByName): Descriptor {
  const assembled = assemble(spec.instructions);
  const instructions = relocate(name, assembled, maps);
  const license = Buffer.from(`${spec.license ?? DEFAULT_LICENSE}\0`, 'latin1');
  const attributes = attributesOf(programLoad, {
    programType: programTypes[spec.type],
    slots: instructions.length / 8,
    instructions: pointerTo(instructions),
    license: pointerTo(license),
    flags: spec.fragments === true ? BPF_F_XDP_HAS_FRAGS : 0,
    name: encodeName(name),
    expectedAttachType: spec.attachType === undefined ? 0 : attachTypes[spec.attachType],
  });
  const result = bpf(Command.ProgramLoad, attributes, [instructions, license]);
  if (result >= 0) return new Descriptor(result, `program ${name}`);
  // Writing the log slows the verifier down: it is asked for only when there is something to tell.
  const log = readLog(attributes, [instructions, license]);
  if (typeof log !== 'string') return new Descriptor(log.fd, `program ${name}`);
  throw loadError(name, assembled, result, log);
}

/** Loads once more with a log. A program that is accepted now (a passing lack of memory) is as welcome. */
function readLog(attributes: Uint8Array, held: readonly Uint8Array[]): string | { readonly fd: number } {
  for (let size = FIRST_LOG_BYTES; ; size *= 4) {
    const log = new Uint8Array(size);
    programLoad.write(attributes, { logLevel: LOG_LEVEL, logBytes: size, log: pointerTo(log) });
    const result = bpf(Command.ProgramLoad, attributes, [...held, log]);
    if (result >= 0) return { fd: result };
    if (result !== -Errno.ENOSPC || size >= LARGEST_LOG_BYTES) return decodeName(log);
  }
}

function loadError(name: string, assembled: Assembled, result: number, log: string): HeadgateError {
  const { reason, slot } = readVerifierLog(log);
  if (reason === '') {
    return bpfError('HEADGATE_BPF_PROGRAM', `load eBPF program ${name}`, Command.ProgramLoad, result);
  }
  // The second slot of a 64-bit load belongs to the instruction before it.
  const line =
    slot === undefined ? undefined : disassemble(assembled).findLast((found) => found.slot <= slot);
  const place =
    line === undefined
      ? ''
      : ` at slot ${line.slot}: ${line.text}${line.comment === undefined ? '' : ` (${line.comment})`}`;
  const plain = bpfError('HEADGATE_BPF_VERIFIER', '', Command.ProgramLoad, result);
  return new HeadgateError('HEADGATE_BPF_VERIFIER', `load eBPF program ${name}: ${reason}${place}`, {
    cause: plain.cause,
    facts: {
      ...plain.facts,
      program: name,
      reason,
      ...(line === undefined ? {} : { slot: line.slot, instruction: line.text }),
      ...(line?.comment === undefined ? {} : { comment: line.comment }),
      log,
    },
  });
}
