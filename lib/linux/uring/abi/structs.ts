import { struct } from './struct.ts';

/** Layouts of include/uapi/linux/io_uring.h; unions are told in the comment of the field that stands for them. */

/**
 * struct io_uring_sqe, one request.
 *
 *      0 opcode u8 | 1 flags u8 | 2 ioprio u16 | 4 fd s32
 *      8 off u64           = addr2, cmd_op (u32)
 *     16 addr u64          = level (u32), optname (u32 at 20)
 *     24 len u32           | 28 op flags u32 (msg_flags, accept_flags, cancel_flags, poll32_events …)
 *     32 user_data u64
 *     40 buf_group u16     = buf_index | 42 personality u16
 *     44 file_index u32    = splice_fd_in, optlen
 *     48 addr3 u64         = optval    | 56 padding
 */
export const sqeStruct = struct('io_uring_sqe', 64, {
  opcode: [0, 'u8'],
  flags: [1, 'u8'],
  ioprio: [2, 'u16'],
  fd: [4, 'i32'],
  off: [8, 'u64'],
  addr: [16, 'u64'],
  len: [24, 'u32'],
  opFlags: [28, 'u32'],
  userData: [32, 'u64'],
  bufGroup: [40, 'u16'],
  personality: [42, 'u16'],
  fileIndex: [44, 'u32'],
  addr3: [48, 'u64'],
  pad: [56, 'u64'],
});

/** struct io_uring_cqe, one completion. `res` is a result or a negative errno. */
export const cqeStruct = struct('io_uring_cqe', 16, {
  userData: [0, 'u64'],
  res: [8, 'i32'],
  flags: [12, 'u32'],
});

/** struct io_uring_params with its two structs of offsets (io_sqring_offsets at 40, io_cqring_offsets at 80). */
export const paramsStruct = struct('io_uring_params', 120, {
  sqEntries: [0, 'u32'],
  cqEntries: [4, 'u32'],
  flags: [8, 'u32'],
  sqThreadCpu: [12, 'u32'],
  sqThreadIdle: [16, 'u32'],
  features: [20, 'u32'],
  wqFd: [24, 'u32'],
  resv: [28, 'u32', 3],
  sqHead: [40, 'u32'],
  sqTail: [44, 'u32'],
  sqRingMask: [48, 'u32'],
  sqRingEntries: [52, 'u32'],
  sqFlags: [56, 'u32'],
  sqDropped: [60, 'u32'],
  sqArray: [64, 'u32'],
  sqResv: [68, 'u32'],
  sqUserAddr: [72, 'u64'],
  cqHead: [80, 'u32'],
  cqTail: [84, 'u32'],
  cqRingMask: [88, 'u32'],
  cqRingEntries: [92, 'u32'],
  cqOverflow: [96, 'u32'],
  cqCqes: [100, 'u32'],
  cqFlags: [104, 'u32'],
  cqResv: [108, 'u32'],
  cqUserAddr: [112, 'u64'],
});

/** struct io_uring_getevents_arg, for IORING_ENTER_EXT_ARG. */
export const geteventsArgStruct = struct('io_uring_getevents_arg', 24, {
  sigmask: [0, 'u64'],
  sigmaskSz: [8, 'u32'],
  minWaitUsec: [12, 'u32'],
  ts: [16, 'u64'],
});

/** struct __kernel_timespec (include/uapi/linux/time_types.h). */
export const timespecStruct = struct('__kernel_timespec', 16, { sec: [0, 'i64'], nsec: [8, 'i64'] });

/** struct io_uring_buf_reg: a ring of provided buffers. */
export const bufRegStruct = struct('io_uring_buf_reg', 40, {
  ringAddr: [0, 'u64'],
  ringEntries: [8, 'u32'],
  bgid: [12, 'u16'],
  flags: [14, 'u16'],
  resv: [16, 'u64', 3],
});

/** struct io_uring_buf, one provided buffer. In entry 0 `resv` is the tail of the ring (struct io_uring_buf_ring). */
export const bufStruct = struct('io_uring_buf', 16, {
  addr: [0, 'u64'],
  len: [8, 'u32'],
  bid: [12, 'u16'],
  resv: [14, 'u16'],
});

/** struct io_uring_rsrc_register, for IORING_REGISTER_FILES2. */
export const rsrcRegisterStruct = struct('io_uring_rsrc_register', 32, {
  nr: [0, 'u32'],
  flags: [4, 'u32'],
  resv2: [8, 'u64'],
  data: [16, 'u64'],
  tags: [24, 'u64'],
});

/** struct io_uring_file_index_range: which slots the kernel may choose itself. */
export const fileIndexRangeStruct = struct('io_uring_file_index_range', 16, {
  off: [0, 'u32'],
  len: [4, 'u32'],
  resv: [8, 'u64'],
});

/** struct io_uring_files_update. */
export const filesUpdateStruct = struct('io_uring_files_update', 16, {
  offset: [0, 'u32'],
  resv: [4, 'u32'],
  fds: [8, 'u64'],
});

/** struct io_uring_sync_cancel_reg. A timeout of -1, -1 waits for ever. */
export const syncCancelStruct = struct('io_uring_sync_cancel_reg', 64, {
  addr: [0, 'u64'],
  fd: [8, 'i32'],
  flags: [12, 'u32'],
  timeoutSec: [16, 'i64'],
  timeoutNsec: [24, 'i64'],
  opcode: [32, 'u8'],
  pad: [33, 'u8', 7],
  pad2: [40, 'u64', 3],
});

/** Head of struct io_uring_probe; `ops_len` entries of probeOpStruct follow. */
export const probeStruct = struct('io_uring_probe', 16, {
  lastOp: [0, 'u8'],
  opsLen: [1, 'u8'],
  resv: [2, 'u16'],
  resv2: [4, 'u32', 3],
});

/** struct io_uring_probe_op. */
export const probeOpStruct = struct('io_uring_probe_op', 8, {
  op: [0, 'u8'],
  resv: [1, 'u8'],
  flags: [2, 'u16'],
  resv2: [4, 'u32'],
});

/** struct user_msghdr (include/linux/socket.h) on 64-bit machines, for sendmsg and recvmsg. */
export const msghdrStruct = struct('user_msghdr', 56, {
  name: [0, 'u64'],
  namelen: [8, 'i32'],
  pad: [12, 'u32'],
  iov: [16, 'u64'],
  iovlen: [24, 'u64'],
  control: [32, 'u64'],
  controllen: [40, 'u64'],
  flags: [48, 'u32'],
  pad2: [52, 'u32'],
});

/** struct iovec (include/uapi/linux/uio.h). */
export const iovecStruct = struct('iovec', 16, { base: [0, 'u64'], len: [8, 'u64'] });
