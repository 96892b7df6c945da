/** What every headgate process has in common: running one node of a tier, its log, its status, its admin socket. */
export { type StartTier, type TierContext, type TierNode } from './tier-node.ts';
export {
  clusterStatusMethod,
  statusMethod,
  type ForwardingStatus,
  type NodeStatus,
  type TierStatus,
  type WatchedNode,
} from './node-status.ts';
export { collectStatus, type ClusterStatus, type NodeAnswer } from './cluster-status.ts';
export { controlEndpoints, type NodeAddress } from './control-endpoints.ts';
export { newPlaces, tryNewPlaces, type ServicePlace } from './new-endpoints.ts';
export { createLogger, type LogFormat, type LogLevel, logLevels, logFormats } from './logger.ts';
export { standardOutput } from './log-output.ts';
export { localSockets, runtimeDirectory } from './runtime-directory.ts';
export { runNode, type RunNodeOptions } from './run-node.ts';
export { version } from './version.ts';
export type { ReadyMessage } from './run-node.ts';
export { prettyLine } from './pretty.ts';
export { missingRawSocket } from './optional-packages.ts';
export { RateMeter } from './rate-meter.ts';
export { environment } from './environment.ts';
export { fetchMethod, readFetched, stateMethod, type RolloutStatus } from './rollout/messages.ts';
export {
  compareStamps,
  newerStamp,
  nextStamp,
  noteOf,
  stampInNote,
  unstamped,
  type Stamp,
} from './rollout/stamp.ts';
export {
  addressesOf,
  closeSurvey,
  connectWith,
  newestStamp,
  survey,
  type ClusterAccess,
  type ConnectNode,
  type SurveyedNode,
} from './rollout/survey.ts';
export { rollOut } from './rollout/roll-out.ts';
export type { RolloutEvent, RolloutOptions, RolloutResult } from './rollout/roll-out-types.ts';
export { stateDirectory } from './rollout/store.ts';
export { ringOf } from './rotation/keeper.ts';
export { rotateSecret, type RotateOptions, type RotationEvent } from './rotation/rotate.ts';
