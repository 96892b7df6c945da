import { errnoName, syscallError } from '../errno.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK } from './abi/constants.ts';
import { kernel } from './kernel.ts';

/**
 * An eventfd(2): a counter in the kernel that is readable while it is not 0. Close-on-exec, never blocks. signal() works
 * from any thread that knows the descriptor.
 */
export class EventDescriptor {
  readonly fd: number;
  readonly #counter = new Uint8Array(8);
  #closed = false;

  /** Throws HEADGATE_LINUX_SYSCALL (EMFILE). */
  constructor() {
    const fd = kernel().eventfd(EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) throw syscallError('eventfd', -fd);
    this.fd = fd;
  }

  /** Adds one. */
  signal(): void {
    signalDescriptor(this.fd);
  }

  /** Sets the counter to 0. Returns whether it was not. Throws HEADGATE_LINUX_SYSCALL. */
  clear(): boolean {
    const answer = kernel().read(this.fd, this.#counter);
    if (answer < 0 && errnoName(-answer) !== 'EAGAIN') throw syscallError('read', -answer, 'of an eventfd');
    return answer > 0;
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    kernel().close(this.fd);
  }
}

const one = new Uint8Array(8);
one[0] = 1;

/** signal() by number, for a thread that was told the descriptor of another's EventDescriptor. */
export function signalDescriptor(fd: number): void {
  const answer = kernel().write(fd, one);
  // EAGAIN: the counter is at its end, so it is readable, which is all that is wanted.
  if (answer < 0 && errnoName(-answer) !== 'EAGAIN') throw syscallError('write', -answer, 'to an eventfd');
}
