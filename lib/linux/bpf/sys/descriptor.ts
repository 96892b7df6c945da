import { closeSync } from 'node:fs';
import { HeadgateError } from '../../../errors/index.ts';

/** Owns a descriptor and closes it once. */
export class Descriptor {
  readonly #what: string;
  #fd: number | undefined;

  /** `what` names the object in the error of a use after close. */
  constructor(fd: number, what: string) {
    this.#fd = fd;
    this.#what = what;
  }

  /** Throws HEADGATE_BPF_CLOSED after close(). */
  get fd(): number {
    if (this.#fd === undefined) throw new HeadgateError('HEADGATE_BPF_CLOSED', `${this.#what} is closed`);
    return this.#fd;
  }

  get closed(): boolean {
    return this.#fd === undefined;
  }

  /** Idempotent. */
  close(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    closeSync(fd);
  }
}
