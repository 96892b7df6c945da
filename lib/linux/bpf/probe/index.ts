/** Feature probes instead of version checks: each tries the thing itself, and remembers the answer. */
export type { Availability } from './availability.ts';
export {
  batchAvailable,
  boundedLoopsAvailable,
  bpfAvailable,
  bpffsAvailable,
  helperAvailable,
  mapTypeAvailable,
  mmapAvailable,
  programTypeAvailable,
  tcxAvailable,
  xdpLinkAvailable,
} from './probes.ts';
