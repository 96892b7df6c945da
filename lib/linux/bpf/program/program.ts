import { programInfo } from '../sys/attributes.ts';
import type { Descriptor } from '../sys/descriptor.ts';
import { decodeName } from '../sys/name.ts';
import { readInfo } from '../sys/object.ts';
import { openPinned, pinObject } from '../pin/pin.ts';
import { loadProgramDescriptor, type MapsByName } from './load.ts';
import type { ProgramSpec } from './spec.ts';
import { runProgram, type TestResult, type TestRun } from './test-run.ts';

/** What the kernel tells about a program. */
export interface ProgramInfo {
  readonly id: number;
  readonly name: string;
  readonly type: number;
  /** Hash of the instructions, hexadecimal: equal tags, equal programs. */
  readonly tag: string;
  /** Bytes of machine code. */
  readonly jitedBytes: number;
}

/** A loaded program. Owns its descriptor; close() it. */
export class Program {
  readonly name: string;
  readonly #descriptor: Descriptor;

  private constructor(name: string, descriptor: Descriptor) {
    this.name = name;
    this.#descriptor = descriptor;
  }

  /** Loads a program; throws as loadProgramDescriptor() does, above all HEADGATE_BPF_VERIFIER. */
  static load(name: string, spec: ProgramSpec, maps: MapsByName = {}): Program {
    return new Program(name, loadProgramDescriptor(name, spec, maps));
  }

  /** Opens a pinned program. Throws HEADGATE_BPF_PIN, HEADGATE_BPF_PIN_MISMATCH. */
  static open(path: string, name: string): Program {
    return new Program(name, openPinned(path, 'program'));
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  /** Runs it on a packet of our own. Throws HEADGATE_BPF_PROGRAM. */
  test(run: TestRun): TestResult {
    return runProgram(this.name, this.fd, run);
  }

  info(): ProgramInfo {
    const { id, name, type, tag, jitedBytes } = readInfo(this.fd, programInfo);
    return { id, name: decodeName(name), type, tag: Buffer.from(tag).toString('hex'), jitedBytes };
  }

  /**
   * Gives the program a place in bpffs, where it outlives this process. Throws HEADGATE_BPF_PIN,
   * HEADGATE_BPF_NO_BPFFS.
   */
  pin(path: string): void {
    pinObject(this.fd, path);
  }

  /** Idempotent. The program itself lives as long as a link, a pin or an array of programs refers to it. */
  close(): void {
    this.#descriptor.close();
  }
}
