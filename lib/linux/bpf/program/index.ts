/**
 * Programs: loaded through the verifier, run on packets of our own. Specs are data, a Program owns a
 * descriptor.
 */
export { Program, type ProgramInfo } from './program.ts';
export type { MapsByName } from './load.ts';
export {
  attachTypes,
  programTypes,
  TcAction,
  XdpAction,
  type AttachType,
  type ProgramSpec,
  type ProgramType,
} from './spec.ts';
export type { TestResult, TestRun } from './test-run.ts';
export { readVerifierLog, type VerifierVerdict } from './verifier-log.ts';
