/**
 * Forbids itself io_uring_setup(2) with a seccomp filter, as containers do, and prints what uringSupport() says then. The
 * argument is the errno the filter answers.
 */
import { createRequire } from 'node:module';
import type Koffi from 'koffi';
import { uringSupport } from '../../../../lib/linux/uring/index.ts';

const errno = Number(process.argv[2]);
const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
const prctl = koffi.load(null).func('int prctl(int, uintptr_t, uintptr_t, uintptr_t, uintptr_t)');
const PR_SET_NO_NEW_PRIVS = 38;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;

/** struct sock_filter: code u16 | jt u8 | jf u8 | k u32. */
const filter = Buffer.alloc(4 * 8);
const instructions: readonly (readonly [code: number, jt: number, jf: number, k: number])[] = [
  [0x20, 0, 0, 0], // load the number of the system call
  [0x15, 0, 1, 425], // io_uring_setup?
  [0x06, 0, 0, 0x0005_0000 | errno], // SECCOMP_RET_ERRNO
  [0x06, 0, 0, 0x7fff_0000], // SECCOMP_RET_ALLOW
];
instructions.forEach(([code, jt, jf, k], index) => {
  filter.writeUInt16LE(code, index * 8);
  filter.writeUInt8(jt, index * 8 + 2);
  filter.writeUInt8(jf, index * 8 + 3);
  filter.writeUInt32LE(k, index * 8 + 4);
});
/** struct sock_fprog: len u16, then the address at 8. */
const program = Buffer.alloc(16);
program.writeUInt16LE(instructions.length, 0);
program.writeBigUInt64LE(koffi.address(filter), 8);
const isForbidden =
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) === 0 &&
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, koffi.address(program), 0, 0) === 0;
console.log(isForbidden ? JSON.stringify(uringSupport()) : 'no filter');
