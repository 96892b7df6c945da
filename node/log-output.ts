/** Standard output as the place of a log that never keeps its process waiting, nor ends it. */
import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { linuxAvailable, sendNow } from '../lib/linux/index.ts';
import { isHeadgateError } from '../lib/errors/index.ts';

/** Most bytes kept that cannot be written; lines beyond are dropped and counted. */
const unwrittenMost = 1_048_576;
/** How soon they are tried again. */
const againMs = 100;

/**
 * Writes some of `bytes`, at least one, and returns how many. Throws where none can be written, with the name of the reason
 * as `code`: EAGAIN is a reader that does not read, EPIPE one that is gone.
 */
export type WriteSome = (bytes: Uint8Array) => number;

/**
 * Takes whole lines and writes them at once. While that cannot be (a reader that stalls, a full disk, a terminal that is gone)
 * they are kept, up to a megabyte, and tried again.
 */
export class LogOutput {
  /** Lines that were not written for want of room, from start. Not expected. */
  dropped = 0;
  /** Runs when lines can be written again, with how many were dropped meanwhile, if any were. */
  onResumed: ((dropped: number) => void) | undefined;
  readonly #writeSome: WriteSome;
  readonly #most: number;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #droppedBefore = 0;
  #isGone = false;
  #again: NodeJS.Timeout | undefined;

  constructor(writeSome: WriteSome, most = unwrittenMost) {
    this.#writeSome = writeSome;
    this.#most = most;
  }

  /** `text` is one line or several, each with its end. */
  write(text: string): void {
    const bytes = Buffer.from(text);
    if (this.#isGone || this.#keptBytes + bytes.length > this.#most) {
      this.dropped++;
      return;
    }
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    // With others before it, it waits for its turn.
    if (this.#again === undefined) this.#flush();
  }

  #flush(): void {
    let done = 0;
    try {
      for (; done < this.#kept.length; done++) this.#writeWhole(done);
    } catch (error) {
      if (codeOf(error) === 'EPIPE') this.#giveUp(done);
      else this.#again = setTimeout(() => this.#tryAgain(), againMs).unref();
    }
    this.#kept = this.#kept.slice(done);
  }

  #writeWhole(index: number): void {
    while (this.#kept[index]!.length > 0) {
      const written = this.#writeSome(this.#kept[index]!);
      this.#kept[index] = this.#kept[index]!.subarray(written);
      this.#keptBytes -= written;
    }
  }

  #tryAgain(): void {
    this.#again = undefined;
    this.#flush();
    if (this.#again !== undefined || this.#isGone) return;
    const dropped = this.dropped - this.#droppedBefore;
    this.#droppedBefore = this.dropped;
    if (dropped > 0) this.onResumed?.(dropped);
  }

  /** Nobody will ever read it. */
  #giveUp(done: number): void {
    this.#isGone = true;
    this.dropped += this.#kept.length - done;
    this.#kept = [];
    this.#keptBytes = 0;
  }
}

let ownOutput: LogOutput | undefined;

/** The one of this process's standard output. */
export function standardOutput(): LogOutput {
  ownOutput ??= new LogOutput(writerTo(1));
  return ownOutput;
}

/**
 * Writes to a descriptor without waiting for a reader. Whether writing waits belongs to what it stands for, which is shared with the
 * workers and with whoever started this process: so pipes and terminals are opened anew, and to a socket it is said with each send. Files
 * have no reader.
 */
function writerTo(descriptor: number): WriteSome {
  const direct: WriteSome = (bytes) => writeSync(descriptor, bytes);
  try {
    const kind = fstatSync(descriptor);
    if (kind.isSocket() && linuxAvailable().available) return (bytes) => sendNow(descriptor, bytes);
    if (!kind.isFIFO() && !kind.isCharacterDevice()) return direct;
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    const own = openSync(`/proc/self/fd/${descriptor}`, flags);
    return (bytes) => writeSync(own, bytes);
  } catch {
    // It belongs to another user, or there is no /proc.
    return direct;
  }
}

function codeOf(error: unknown): unknown {
  if (isHeadgateError(error)) return error.facts['code'];
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
