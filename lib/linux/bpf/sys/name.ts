import { HeadgateError } from '../../../errors/index.ts';
import { NAME_BYTES } from './attributes.ts';

/**
 * An object's name as the kernel takes it. Throws HEADGATE_BPF_SPEC unless it is 1 to 15 letters, digits,
 * underscores or dots (kernel/bpf/syscall.c, bpf_obj_name_cpy).
 */
export function encodeName(name: string): Uint8Array {
  if (!/^[A-Za-z0-9_.]{1,15}$/.test(name)) {
    throw new HeadgateError(
      'HEADGATE_BPF_SPEC',
      `eBPF object ${JSON.stringify(name)}: a name is 1 to 15 letters, digits, underscores or dots`,
    );
  }
  const bytes = new Uint8Array(NAME_BYTES);
  bytes.set(Buffer.from(name, 'latin1'));
  return bytes;
}

/** The text before the first zero byte. */
export function decodeName(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString('latin1');
}
