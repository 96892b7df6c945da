import test from 'ava';
import * as uring from '../../../../../lib/linux/uring/index.ts';
import { Sqe } from '../../../../../lib/linux/uring/sqe.ts';

/** User data of all these requests: bytes 32 to 39. */
const low = 0x0403_0201;
const high = 0x0008_0706;
const userData = '0102030406070800';
/** An address above 4 GiB, and its bytes. */
const address = 0x7f12_3456_789a;
const addressBytes = '9a7856341 27f0000'.replace(' ', '');

/** What a request consists of, in hexadecimal, in the order of struct io_uring_sqe; the rest is zero. */
interface Golden {
  /** opcode, flags, ioprio */
  readonly head: string;
  readonly fd: string;
  readonly off?: string;
  readonly addr?: string;
  readonly len?: string;
  readonly opFlags?: string;
  /** buf_group, personality, file_index */
  readonly tail?: string;
  readonly addr3?: string;
}

const golden = test.macro({
  title: (_given, name: string) => `golden bytes: ${name}`,
  exec(t, _name: string, write: (sqe: Sqe) => Sqe, want: Golden) {
    const words = new Uint32Array(32).fill(0xdead_beef);
    write(new Sqe(words).aim(1, low, high));
    const zero = '0000000000000000';
    const hex = [
      want.head,
      want.fd,
      want.off ?? zero,
      want.addr ?? zero,
      want.len ?? '00000000',
      want.opFlags ?? '00000000',
      userData,
      want.tail ?? zero,
      want.addr3 ?? zero,
      zero,
    ].join('');
    t.is(Buffer.from(words.buffer, 64, 64).toString('hex'), hex);
    t.true(
      words.subarray(0, 16).every((word) => word === 0xdead_beef),
      'the entry before is untouched',
    );
  },
});

const none = 'ffffffff';
// Flags of the head: 01 fixed file, 04 link, 20 buffer select, 40 no completion when it succeeds.

test(golden, 'nop', (sqe) => uring.prepareNop(sqe), { head: '00000000', fd: none });
test(golden, 'accept, plain, with address', (sqe) => uring.prepareAccept(sqe, 5, address, address), {
  head: '0d000000',
  fd: '05000000',
  off: addressBytes,
  addr: addressBytes,
  opFlags: '00080800', // SOCK_CLOEXEC | SOCK_NONBLOCK
});
test(golden, 'accept into slot 6', (sqe) => uring.prepareAcceptDirect(sqe, 5, 6), {
  head: '0d000000',
  fd: '05000000',
  tail: '0000000007000000', // file_index counts from 1
});
test(
  golden,
  'accept into any slot',
  (sqe) => uring.prepareAcceptDirect(sqe, uring.direct(5), uring.anySlot),
  {
    head: '0d010000',
    fd: '05000000',
    tail: '00000000ffffffff',
  },
);
test(golden, 'accept, multishot, plain', (sqe) => uring.prepareAcceptMultishot(sqe, 5), {
  head: '0d000100',
  fd: '05000000',
  opFlags: '00080800',
});
test(golden, 'accept, multishot, direct', (sqe) => uring.prepareAcceptMultishotDirect(sqe, 5), {
  head: '0d000100',
  fd: '05000000',
  tail: '00000000ffffffff',
});
test(golden, 'socket, plain', (sqe) => uring.prepareSocket(sqe, 2, 1, 6), {
  head: '2d000000',
  fd: '02000000', // domain
  off: '0100080000000000', // type | SOCK_CLOEXEC
  len: '06000000', // protocol
});
test(golden, 'socket into slot 3', (sqe) => uring.prepareSocketDirect(sqe, 10, 1, 0, 3), {
  head: '2d000000',
  fd: '0a000000',
  off: '0100000000000000',
  tail: '0000000004000000',
});
test(golden, 'connect', (sqe) => uring.prepareConnect(sqe, uring.direct(9), address, 16), {
  head: '10010000',
  fd: '09000000',
  off: '1000000000000000', // length of the sockaddr
  addr: addressBytes,
});
test(golden, 'bind', (sqe) => uring.prepareBind(sqe, uring.direct(9), address, 28), {
  head: '38010000',
  fd: '09000000',
  off: '1c00000000000000',
  addr: addressBytes,
});
test(golden, 'shutdown', (sqe) => uring.prepareShutdown(sqe, uring.direct(9), uring.SHUT_WR), {
  head: '22010000',
  fd: '09000000',
  len: '01000000',
});
test(golden, 'setsockopt', (sqe) => uring.prepareSetSocketOption(sqe, uring.direct(9), 1, 13, address, 8), {
  head: '2e010000',
  fd: '09000000',
  off: '0300000000000000', // cmd_op
  addr: '010000000d000000', // level, optname
  tail: '0000000008000000', // optlen
  addr3: addressBytes, // optval
});
test(golden, 'send', (sqe) => uring.prepareSend(sqe, uring.direct(2), address, 4_096, uring.MSG_WAITALL), {
  head: '1a010000',
  fd: '02000000',
  addr: addressBytes,
  len: '00100000',
  opFlags: '00410000', // MSG_NOSIGNAL | MSG_WAITALL
});
test(golden, 'receive', (sqe) => uring.prepareReceive(sqe, 2, address, 64, uring.MSG_DONTWAIT), {
  head: '1b000000',
  fd: '02000000',
  addr: addressBytes,
  len: '40000000',
  opFlags: '40000000',
});
test(golden, 'receive into a provided buffer', (sqe) => uring.prepareReceiveProvided(sqe, 2, 0x0102), {
  head: '1b200000',
  fd: '02000000',
  tail: '0201000000000000', // buf_group
});
test(golden, 'receive, multishot', (sqe) => uring.prepareReceiveMultishot(sqe, uring.direct(2), 1), {
  head: '1b210200',
  fd: '02000000',
  tail: '0100000000000000',
});
const limited = { mostBytes: 0x1000, totalBytes: 0x2_0000, bundle: true, pollFirst: true };
test(golden, 'receive, multishot, limited', (sqe) => uring.prepareReceiveMultishot(sqe, 2, 1, limited), {
  head: '1b201300', // multishot | bundle | poll first
  fd: '02000000',
  len: '00100000',
  tail: '0100000000000200', // optlen: the total
});
test(golden, 'sendmsg', (sqe) => uring.prepareSendMessage(sqe, 2, address), {
  head: '09000000',
  fd: '02000000',
  addr: addressBytes,
  len: '01000000',
  opFlags: '00400000',
});
test(golden, 'recvmsg', (sqe) => uring.prepareReceiveMessage(sqe, 2, address), {
  head: '0a000000',
  fd: '02000000',
  addr: addressBytes,
  len: '01000000',
});
test(golden, 'read at the own position', (sqe) => uring.prepareRead(sqe, 2, address, 8), {
  head: '16000000',
  fd: '02000000',
  off: 'ffffffffffffffff',
  addr: addressBytes,
  len: '08000000',
});
test(golden, 'write at 4 GiB', (sqe) => uring.prepareWrite(sqe, 2, address, 8, 2 ** 32), {
  head: '17000000',
  fd: '02000000',
  off: '0000000001000000',
  addr: addressBytes,
  len: '08000000',
});
test(golden, 'close, plain', (sqe) => uring.prepareClose(sqe, 12), { head: '13000000', fd: '0c000000' });
test(golden, 'close, direct', (sqe) => uring.prepareClose(sqe, uring.direct(12)), {
  head: '13000000',
  fd: '00000000',
  tail: '000000000d000000',
});
test(golden, 'install', (sqe) => uring.prepareInstall(sqe, 12), { head: '36010000', fd: '0c000000' });
test(golden, 'cancel by user data', (sqe) => uring.prepareCancel(sqe, 0x11, 0x22), {
  head: '0e000000',
  fd: none,
  addr: '1100000022000000',
});
test(golden, 'cancel by plain descriptor', (sqe) => uring.prepareCancelDescriptor(sqe, 12), {
  head: '0e000000',
  fd: '0c000000',
  opFlags: '03000000', // ALL | FD
});
test(golden, 'cancel by direct descriptor', (sqe) => uring.prepareCancelDescriptor(sqe, uring.direct(12)), {
  head: '0e000000',
  fd: '0c000000',
  opFlags: '0b000000', // ALL | FD | FD_FIXED
});
test(golden, 'timeout', (sqe) => uring.prepareTimeout(sqe, address, 2), {
  head: '0b000000',
  fd: none,
  off: '0200000000000000',
  addr: addressBytes,
  len: '01000000',
});
test(golden, 'interval', (sqe) => uring.prepareInterval(sqe, address), {
  head: '0b000000',
  fd: none,
  addr: addressBytes,
  len: '01000000',
  opFlags: '40000000', // multishot
});
test(golden, 'timeout remove', (sqe) => uring.prepareTimeoutRemove(sqe, 0x11, 0x22), {
  head: '0c000000',
  fd: none,
  addr: '1100000022000000',
});
test(golden, 'link timeout', (sqe) => uring.prepareLinkTimeout(sqe, address), {
  head: '0f000000',
  fd: none,
  addr: addressBytes,
  len: '01000000',
});
test(golden, 'poll', (sqe) => uring.preparePoll(sqe, 4, uring.POLLIN | uring.POLLRDHUP), {
  head: '06000000',
  fd: '04000000',
  opFlags: '01200000',
});
test(golden, 'poll, multishot', (sqe) => uring.preparePollMultishot(sqe, 4, uring.POLLIN), {
  head: '06000000',
  fd: '04000000',
  len: '01000000',
  opFlags: '01000000',
});
test(golden, 'poll remove', (sqe) => uring.preparePollRemove(sqe, 0x11, 0x22), {
  head: '07000000',
  fd: none,
  addr: '1100000022000000',
});
test(golden, 'ring message', (sqe) => uring.prepareRingMessage(sqe, 8, 99, 0x11, 0x22), {
  head: '28000000',
  fd: '08000000',
  off: '1100000022000000',
  len: '63000000',
});
test(golden, 'linked, silent, asynchronous', (sqe) => uring.prepareNop(sqe).link().skipSuccess().async(), {
  head: '00540000',
  fd: none,
});

test('plain and direct descriptors are told apart', (t) => {
  t.false(uring.isDirect(0));
  t.false(uring.isDirect(-1), 'a failed call is not slot 0');
  t.true(uring.isDirect(uring.direct(0)));
  t.is(uring.slotOf(uring.direct(19_999)), 19_999);
});
