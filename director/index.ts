/**
 * Tier 1, the director: sends each client to the balancer its hash names and keeps it there. Decisions are pure
 * (eligibility, forwarding table, plan, pick, explain); a forwarding plane carries them out.
 */
export { startDirector } from './start-director.ts';
export { startDirectorWith } from './director.ts';
export type { DirectorParts } from './parts.ts';
export {
  buildForwardingTable,
  type ForwardingBalancer,
  type ForwardingSettings,
  type ForwardingTable,
  type ServiceForwarding,
  type TableInput,
} from './forwarding-table.ts';
export { explain, type Explanation } from './explain.ts';
export { explainMethod, type ExplainedClient } from './explain-request.ts';
export { balancerId } from './balancer-identity.ts';
export { standingTexts, type Standing } from './eligibility.ts';
export { detachDirector } from './xdp/index.ts';
export type { ServiceMode } from './forwarding-mode.ts';
export type { Flow, ForwardingPlane, PlaneServiceStats, PlaneStats } from './plane.ts';
export { createProxyPlane, type ProxyPlaneOptions } from './proxy/index.ts';
