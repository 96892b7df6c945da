/**
 * What happens to a packet, as a pure function over plain data: the reference model of the xdp plane, and the
 * layouts and numbers both share. No kernel, no sockets, no clock.
 */
export { forward } from './forward.ts';
export type { Outcome } from './outcome.ts';
export {
  counterIndex,
  counterNames,
  forwardCounterIndex,
  forwardCounters,
  type Counter,
  type ForwardCounter,
  type PlaneCounter,
} from './counters.ts';
export {
  BalancerState,
  beginFlags,
  beginMask,
  FlowState,
  Mode,
  noBalancer,
  ownTtl,
  proxyOwner,
  tickOf,
  tickShift,
  type Verdict,
} from './numbers.ts';
export {
  balancerCountersLayout,
  balancerLayout,
  configLayout,
  endpointKeyLayout,
  flowKeyLayout,
  flowLayout,
  layoutVersion,
  originLayout,
  serviceCountersLayout,
  serviceKeyLayout,
  serviceLayout,
} from './layouts.ts';
export {
  endpointKey,
  flowKey,
  forwardState,
  keyText,
  mapped,
  serviceKey,
  type FlowChange,
  type FlowEntry,
  type FlowTable,
  type ForwardBalancer,
  type ForwardConfig,
  type ForwardEndpoint,
  type ForwardService,
  type ForwardState,
} from './state.ts';
