import test from 'ava';
import { struct } from '../../../../../lib/linux/uring/abi/struct.ts';
import * as structs from '../../../../../lib/linux/uring/abi/structs.ts';

test('a struct whose fields leave a gap is refused', (t) => {
  t.throws(() => struct('s', 8, { a: [0, 'u8'], b: [4, 'u32'] }), { message: /b is not at 1/ });
});

test('a struct whose fields overlap is refused', (t) => {
  t.throws(() => struct('s', 8, { a: [0, 'u64'], b: [4, 'u32'] }), { message: /b is not at 8/ });
});

test('a struct with a field that is not aligned is refused', (t) => {
  t.throws(() => struct('s', 6, { a: [0, 'u16'], b: [2, 'u32'] }), { message: /b is not at 2/ });
});

test('a struct that is not as long as the kernel says is refused', (t) => {
  t.throws(() => struct('s', 16, { a: [0, 'u64'] }), { message: /ends at 8, not at 16/ });
});

test('the structs have the sizes of the kernel headers', (t) => {
  const sizes = Object.fromEntries(Object.values(structs).map(({ name, bytes }) => [name, bytes]));
  t.deepEqual(sizes, {
    io_uring_sqe: 64,
    io_uring_cqe: 16,
    io_uring_params: 120,
    io_uring_getevents_arg: 24,
    __kernel_timespec: 16,
    io_uring_buf_reg: 40,
    io_uring_buf: 16,
    io_uring_rsrc_register: 32,
    io_uring_file_index_range: 16,
    io_uring_files_update: 16,
    io_uring_sync_cancel_reg: 64,
    io_uring_probe: 16,
    io_uring_probe_op: 8,
    user_msghdr: 56,
    iovec: 16,
  });
});
