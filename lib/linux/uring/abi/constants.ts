/** Numbers of include/uapi/linux/io_uring.h and neighbours. The kernel's name is the name here. */

/** System call numbers; x86-64, arm64 and every architecture younger than 2019 agree. */
export const SYS_io_uring_setup = 425;
export const SYS_io_uring_enter = 426;
export const SYS_io_uring_register = 427;

/** io_uring_setup() flags, with the kernel that brought them. */
export const IORING_SETUP_CQSIZE = 1 << 3; // 5.5
export const IORING_SETUP_SUBMIT_ALL = 1 << 7; // 5.18
export const IORING_SETUP_COOP_TASKRUN = 1 << 8; // 5.19
export const IORING_SETUP_TASKRUN_FLAG = 1 << 9; // 5.19
export const IORING_SETUP_SINGLE_ISSUER = 1 << 12; // 6.0
export const IORING_SETUP_DEFER_TASKRUN = 1 << 13; // 6.1
export const IORING_SETUP_NO_SQARRAY = 1 << 16; // 6.6

/** io_uring_params.features */
export const IORING_FEAT_SINGLE_MMAP = 1 << 0;
export const IORING_FEAT_NODROP = 1 << 1;

/** Offsets for mmap(2) of a ring. */
export const IORING_OFF_SQ_RING = 0;
export const IORING_OFF_SQES = 0x1000_0000;

/** Flags the kernel sets in the submission ring. */
export const IORING_SQ_CQ_OVERFLOW = 1 << 1;
export const IORING_SQ_TASKRUN = 1 << 2;

/** Flags we set in the completion ring. */
export const IORING_CQ_EVENTFD_DISABLED = 1 << 0;

/** io_uring_enter() flags */
export const IORING_ENTER_GETEVENTS = 1 << 0;
export const IORING_ENTER_EXT_ARG = 1 << 3;

/** io_uring_sqe.flags */
export const IOSQE_FIXED_FILE = 1 << 0;
export const IOSQE_IO_LINK = 1 << 2;
export const IOSQE_ASYNC = 1 << 4;
export const IOSQE_BUFFER_SELECT = 1 << 5;
export const IOSQE_CQE_SKIP_SUCCESS = 1 << 6;

/** io_uring_sqe.file_index: the kernel chooses a free slot. */
export const IORING_FILE_INDEX_ALLOC = 0xffff_ffff;

/** io_uring_cqe.flags; the buffer's id is above the shift. */
export const IORING_CQE_F_BUFFER = 1 << 0;
export const IORING_CQE_F_MORE = 1 << 1;
export const IORING_CQE_F_SOCK_NONEMPTY = 1 << 2;
export const IORING_CQE_BUFFER_SHIFT = 16;

/** ioprio of accept */
export const IORING_ACCEPT_MULTISHOT = 1 << 0;

/** ioprio of send and recv */
export const IORING_RECVSEND_POLL_FIRST = 1 << 0;
export const IORING_RECV_MULTISHOT = 1 << 1;
export const IORING_RECVSEND_BUNDLE = 1 << 4;

/** len of poll add */
export const IORING_POLL_ADD_MULTI = 1 << 0;

/** flags of timeout */
export const IORING_TIMEOUT_MULTISHOT = 1 << 6;

/** flags of async cancel */
export const IORING_ASYNC_CANCEL_ALL = 1 << 0;
export const IORING_ASYNC_CANCEL_FD = 1 << 1;
export const IORING_ASYNC_CANCEL_ANY = 1 << 2;
export const IORING_ASYNC_CANCEL_FD_FIXED = 1 << 3;

/** addr of msg_ring */
export const IORING_MSG_DATA = 0;

/** cmd_op of a socket's uring_cmd */
export const SOCKET_URING_OP_SETSOCKOPT = 3;

/** io_uring_register() opcodes */
export const IORING_UNREGISTER_FILES = 3;
export const IORING_REGISTER_EVENTFD = 4;
export const IORING_UNREGISTER_EVENTFD = 5;
export const IORING_REGISTER_FILES_UPDATE = 6;
export const IORING_REGISTER_PROBE = 8;
export const IORING_REGISTER_FILES2 = 13;
export const IORING_REGISTER_PBUF_RING = 22;
export const IORING_UNREGISTER_PBUF_RING = 23;
export const IORING_REGISTER_SYNC_CANCEL = 24;
export const IORING_REGISTER_FILE_ALLOC_RANGE = 25;

/** flags of io_uring_rsrc_register and io_uring_probe_op */
export const IORING_RSRC_REGISTER_SPARSE = 1 << 0;
export const IO_URING_OP_SUPPORTED = 1 << 0;

/** include/uapi/asm-generic/mman-common.h */
export const PROT_READ_WRITE = 0x1 | 0x2;
export const MAP_SHARED = 0x01;
export const MAP_PRIVATE = 0x02;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_NORESERVE = 0x4000;
export const MAP_POPULATE = 0x8000;

/** include/uapi/linux/eventfd.h */
export const EFD_NONBLOCK = 0o4000;
export const EFD_CLOEXEC = 0o2000000;

/** include/linux/socket.h, include/uapi/asm-generic/poll.h, socket.h, tcp.h, in.h */
export { MSG_DONTWAIT, MSG_NOSIGNAL } from '../../constants.ts';
export const MSG_WAITALL = 0x100;
export const POLLIN = 0x1;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;
export const POLLHUP = 0x10;
export const POLLRDHUP = 0x2000;
export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

/** include/uapi/asm-generic/errno-base.h, errno.h: those that completions and calls of this room are compared with. */
export const EINTR = 4;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EBUSY = 16;
export const EINVAL = 22;
export const ENFILE = 23;
export const EPERM = 1;
export const EACCES = 13;
export const ENOSYS = 38;
export const EMFILE = 24;
export const EBADR = 53;
export const ETIME = 62;
export const ENOBUFS = 105;
export const ECANCELED = 125;
