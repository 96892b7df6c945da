import type { Feature } from '../../linux/uring/index.ts';

/** What this engine needs of io_uring; kernel 6.11 has all of it. */
export const needs: readonly Feature[] = [
  'bufferRings',
  'multishotReceive',
  'directDescriptors',
  'socketOptions',
  'accept',
  'socket',
  'connect',
  'bind',
  'recv',
  'send',
  'shutdown',
  'close',
  'asyncCancel',
  'pollAdd',
  'fixedFdInstall',
  'uringCmd',
];
