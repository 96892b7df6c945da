/** enum io_uring_op, the operations this room can prepare: our name, the kernel's number (IORING_OP_*). */
export const opcodes = {
  nop: 0,
  pollAdd: 6,
  pollRemove: 7,
  sendmsg: 9,
  recvmsg: 10,
  timeout: 11,
  timeoutRemove: 12,
  accept: 13,
  asyncCancel: 14,
  linkTimeout: 15,
  connect: 16,
  close: 19,
  read: 22,
  write: 23,
  send: 26,
  recv: 27,
  shutdown: 34,
  msgRing: 40,
  socket: 45,
  uringCmd: 46,
  fixedFdInstall: 54,
  bind: 56,
} as const;

export type Opcode = keyof typeof opcodes;
