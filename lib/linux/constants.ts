/** Numbers of the kernel's ABI; x86-64 and arm64 agree on all of them. The kernel's name is the name here. */

/** include/linux/socket.h */
export const AF_INET = 2;
export const AF_INET6 = 10;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;

/** include/linux/net.h */
export const SOCK_STREAM = 1;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

/** include/uapi/asm-generic/socket.h */
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_KEEPALIVE = 9;
export const SO_LINGER = 13;
export const SO_REUSEPORT = 15;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_ATTACH_FILTER = 26;
export const SO_MARK = 36;
/** struct sk_meminfo of the socket: u32 fields in the order of include/uapi/linux/sock_diag.h. */
export const SO_ATTACH_REUSEPORT_EBPF = 52;
export const SO_MEMINFO = 55;

/** include/uapi/asm-generic/errno.h */
export const EAFNOSUPPORT = 97;

/** include/uapi/linux/in.h, in6.h */
export const IPPROTO_IP = 0;
export const IP_HDRINCL = 3;
export const IP_BIND_ADDRESS_NO_PORT = 24;
export const IPPROTO_TCP = 6;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const IPV6_HDRINCL = 36;
/** Raw sockets that only send. */
export const IPPROTO_RAW = 255;

/** include/uapi/linux/tcp.h */
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const TCP_INFO = 11;
export const TCP_USER_TIMEOUT = 18;
export const TCP_MD5SIG_EXT = 32;

/** shutdown(2): the sending direction. */
export const SHUT_WR = 1;
