/** What the cluster is: schema, loading, located errors, edits, sources. */
export * from './types.ts';
export { parseTopology, formatProblems, type ParseResult } from './parse.ts';
export { formatProblem, type Problem } from './problem.ts';
export { loadTopology, readTopology, readTopologyText, type LoadedTopology } from './load.ts';
export { invalidTopology } from './invalid-topology.ts';
export { diffTopology, nodeIdentity, type Changes, type TopologyDiff } from './diff.ts';
export { contentHash, type TopologyMeaning } from './hash.ts';
export { defaultHashKey } from './resolve.ts';
export { findSelf, nodesOf, ownAddresses, type NodeOfTier } from './find-self.ts';
export {
  createSecretFile,
  newSecretText,
  readSecret,
  readSecrets,
  secretsText,
  writeSecrets,
  type ClusterSecrets,
} from './secret.ts';
export { showTopology } from './show.ts';
export { watchTopology, type TopologyWatch, type WatchHandlers, type WatchOptions } from './watch/index.ts';
export {
  addBalancer,
  addChatServer,
  addDirector,
  removeNode,
  setState,
  setWeight,
  type NewBalancer,
  type NewChatServer,
  type NewDirector,
} from './edit/index.ts';
export { replaceFile, writeWhole } from './edit/replace-file.ts';
export { graceRangeMs } from './schema/index.ts';
export { jsonSchema, keyReference, type KeyReference } from './schema/walk.ts';
export { listSome, nearest } from './suggest.ts';
export { formatDuration, formatMoment, formatSize, parseDuration, parseMoment, parseSize } from './units.ts';
export {
  planExitCode,
  planTopology,
  type ConnectionPlan,
  type Fates,
  type LiveView,
  type PlannedChange,
  type ServiceShares,
  type TopologyPlan,
  type Traffic,
} from './plan/index.ts';
export { fileSource, loadFrom, parseFrom, readFrom, topologySource, type TopologySource } from './source.ts';
export { etcdSource, type SharedReading, type SharedStore } from './etcd/index.ts';
