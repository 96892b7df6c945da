/** The bpf file system, where maps, programs and links outlive the process that made them. */
export { BPFFS, isBpffs, mountBpffs, requireBpffs, unmountBpffs } from './bpffs.ts';
