import { layout, u32 } from '../../../../layout/index.ts';
import { add, mov } from '../alu.ts';
import { assemblyError } from '../error.ts';
import type { Item } from '../instruction.ts';
import { jgt } from '../jump.ts';
import { loadMem } from '../load-store.ts';
import type { Register } from '../register.ts';

/** What an XDP program gets in R1 (struct xdp_md, include/uapi/linux/bpf.h). */
export const xdpContext = layout(
  'xdp_md',
  { data: u32, dataEnd: u32, dataMeta: u32, ingressIfindex: u32, rxQueueIndex: u32, egressIfindex: u32 },
  { size: 24 },
);

/** Where a tc program finds packet and end in struct __sk_buff. */
const SKB_DATA = 76;
const SKB_DATA_END = 80;

/**
 * Loads the bounds of the packet.
 *
 * - in: `context`, the program's context
 * - out: `data`, the first byte; `end`, the byte after the last one
 * - clobbers nothing else (`data` must not be `context`)
 */
export function loadPacket(
  context: Register,
  data: Register,
  end: Register,
  kind: 'xdp' | 'tc' = 'xdp',
): readonly Item[] {
  if (data === context || data === end)
    throw assemblyError('the packet, its end and the context need three registers');
  const dataOffset = kind === 'xdp' ? xdpContext.offsetOf('data') : SKB_DATA;
  const endOffset = kind === 'xdp' ? xdpContext.offsetOf('dataEnd') : SKB_DATA_END;
  return [
    loadMem(data, context, dataOffset, 4, 'first byte of the packet'),
    loadMem(end, context, endOffset, 4, 'end of the packet'),
  ];
}

/**
 * Goes on only when `bytes` bytes lie between `data` and `end`; the verifier then allows to read them.
 *
 * - in: `data`, `end`
 * - clobbers `scratch`
 * - jumps to `target` when the packet is too short
 */
export function requireBytes(
  data: Register,
  end: Register,
  bytes: number,
  scratch: Register,
  target: string,
): readonly Item[] {
  return [
    mov.reg(scratch, data),
    add.imm(scratch, bytes),
    jgt.reg(scratch, end, target, `are there ${bytes} bytes?`),
  ];
}
