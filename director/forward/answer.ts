/** What balancers answer in mode nat, on its way back to clients. */
import { TcpFlag, tcpLayout } from '../../lib/packet/index.ts';
import type { Answer } from './classify.ts';
import { translateSegment } from './nat.ts';
import { BalancerState, FlowState, Mode } from './numbers.ts';
import { drop, pass, send, type Outcome } from './outcome.ts';
import { ownerOf } from './pick.ts';
import { isNoMac, relabel } from './rewrite.ts';
import {
  flowKey,
  keyText,
  type FlowChange,
  type FlowEntry,
  type FlowTable,
  type ForwardEndpoint,
  type ForwardState,
} from './state.ts';

/** A flow in mode nat. */
export interface NatFlow {
  readonly key: string;
  readonly table: FlowTable;
  readonly entry: FlowEntry;
  readonly dead: boolean;
}

/** The flow of `key`, if it is one in mode nat to the balancer of `endpoint`. */
export function natFlow(
  state: ForwardState,
  keyBytes: Uint8Array,
  endpoint: ForwardEndpoint,
): NatFlow | undefined {
  const key = keyText(keyBytes);
  const table: FlowTable = state.flows.confirmed.has(key) ? 'confirmed' : 'unconfirmed';
  const entry = state.flows[table].get(key);
  if (entry === undefined || entry.mode !== Mode.Nat || entry.balancer !== endpoint.balancer)
    return undefined;
  const owner = ownerOf(state, entry);
  return owner && { key, table, entry, dead: owner.balancer.state === BalancerState.Dead };
}

/** The frame that `translate` makes, sent to the client's next hop. */
export function answerAs(
  frame: Uint8Array,
  { entry, dead }: NatFlow,
  { service }: ForwardEndpoint,
  { config }: ForwardState,
  translate: () => Uint8Array,
  changes: readonly FlowChange[] = [],
): Outcome {
  if (dead) return drop(frame, 'dropDead');
  const mac = entry.clientMac ?? config.gatewayMac;
  if (mac === undefined || isNoMac(mac)) return drop(frame, 'dropInternal', changes);
  return { ...send(relabel(translate(), mac, config), 'forwardAnswer', changes), answered: service };
}

/** FIN and RST of the balancer make its flow closing, as the client's do. */
export function forwardAnswer(frame: Uint8Array, answer: Answer, state: ForwardState, tick: number): Outcome {
  const { destination, endpoint, at } = answer;
  const { destinationPort, flags } = tcpLayout.read(frame, at);
  const flow = natFlow(state, flowKey(destination, destinationPort, endpoint.service), endpoint);
  if (flow === undefined) return pass(frame, 'passNoFlow');
  const ends = (flags & (TcpFlag.Fin | TcpFlag.Rst)) !== 0;
  const { key, table, entry } = flow;
  const seen: FlowEntry = { ...entry, state: ends ? FlowState.Closing : entry.state, lastSeen: tick };
  const translate = () =>
    translateSegment(frame, answer, 'source', { address: endpoint.vip, port: endpoint.vipPort });
  return answerAs(frame, flow, endpoint, state, translate, [{ table, key, entry: seen }]);
}
