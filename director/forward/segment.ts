/** TCP for a service: flow table, else Maglev table. */
import { ethernetLayout, TcpFlag, tcpLayout } from '../../lib/packet/index.ts';
import type { Segment } from './classify.ts';
import type { ForwardCounter } from './counters.ts';
import { BalancerState, beginFlags, beginMask, FlowState, Mode, proxyOwner } from './numbers.ts';
import { drop, pass, send, type Outcome } from './outcome.ts';
import { isProxied, ownerOf, pick, type Picked } from './pick.ts';
import { resetOf } from './reset.ts';
import { rewrite } from './rewrite.ts';
import {
  flowKey,
  keyText,
  type FlowChange,
  type FlowEntry,
  type FlowTable,
  type ForwardState,
} from './state.ts';

/** A segment on its way. */
interface Passage {
  readonly frame: Uint8Array;
  readonly segment: Segment;
  readonly state: ForwardState;
  readonly key: string;
  readonly port: number;
  readonly flags: number;
  readonly ack: number;
  readonly tick: number;
}

export function forwardSegment(
  frame: Uint8Array,
  segment: Segment,
  state: ForwardState,
  tick: number,
): Outcome {
  const { sourcePort: port, flags, acknowledgment: ack } = tcpLayout.read(frame, segment.at);
  const key = keyText(flowKey(segment.source, port, segment.service.index));
  const passage: Passage = { frame, segment, state, key, port, flags, ack, tick };
  const begins = (flags & beginMask) === beginFlags;
  const table: FlowTable = state.flows.confirmed.has(key) ? 'confirmed' : 'unconfirmed';
  const entry = state.flows[table].get(key);
  const owner = entry === undefined ? undefined : ownerOf(state, entry);
  if (entry === undefined) return begin(passage, begins);
  // SYN cookies and lost answers repeat a SYN of a living flow; only an ended one may begin anew. Whether a confirmed
  // one has ended its owner says: anybody can forge the RST and the SYN behind it.
  const ended = entry.state === FlowState.Closing && table === 'unconfirmed';
  if (owner === undefined) {
    if (!isProxied(entry) || (begins && ended)) return begin(passage, begins);
    if (begins) return pass(frame, 'passProxy', openedAgain(table, key, entry));
    return pass(frame, 'passProxy', [{ table, key, entry: afterSegment(entry, passage) }]);
  }
  const dead = owner.balancer.state === BalancerState.Dead;
  if (begins) {
    if (dead || ended) return begin(passage, begins);
    return follow(passage, owner, entry.mode, openedAgain(table, key, entry), 'forwardHit');
  }
  if (dead) {
    return (flags & TcpFlag.Rst) === 0 ? send(resetOf(frame, segment), 'resetDead') : drop(frame, 'dropDead');
  }
  const seen = afterSegment(entry, passage);
  return follow(passage, owner, entry.mode, [{ table, key, entry: seen }], 'forwardHit');
}

/** A SYN that follows a flow which was closing: its client may be back with the same port, and that has not ended. */
function openedAgain(table: FlowTable, key: string, entry: FlowEntry): readonly FlowChange[] {
  if (entry.state !== FlowState.Closing) return [];
  return [{ table, key, entry: { ...entry, state: FlowState.Opening } }];
}

/** The entry after a segment that does not begin a connection. */
function afterSegment(entry: FlowEntry, passage: Passage): FlowEntry {
  const { flags, ack, tick } = passage;
  const hasAck = (flags & TcpFlag.Ack) !== 0;
  const ends = (flags & (TcpFlag.Fin | TcpFlag.Rst)) !== 0;
  const opened = hasAck && entry.state === FlowState.Opening ? FlowState.Established : entry.state;
  return {
    ...entry,
    state: ends ? FlowState.Closing : opened,
    ...(entry.mode === Mode.Nat ? { clientMac: macOf(passage) } : {}),
    lastAck: hasAck ? ack : entry.lastAck,
    lastSeen: tick,
  };
}

/** Where answers will go: each packet tells anew, so they follow when the way to the client moves. */
function macOf({ frame }: Passage): Uint8Array {
  return ethernetLayout.get(frame, 'source');
}

/** No entry that holds: the Maglev table decides, unless the service is proxied. */
function begin(passage: Passage, begins: boolean): Outcome {
  const { frame, segment, state, port } = passage;
  const { service, source } = segment;
  if (service.mode === Mode.Proxy) return pass(frame, 'passProxy', beginning(passage, begins, proxyOwner));
  if (begins && state.config.refuseNew === true) return send(resetOf(frame, segment), 'resetFull');
  const picked = pick(state, service, source, port);
  if (picked === undefined) {
    // A reset would end a living connection whose entry was evicted; only a SYN can do without.
    return begins ? send(resetOf(frame, segment), 'resetNoBalancer') : drop(frame, 'dropNoBalancer');
  }
  const { index, balancer } = picked;
  const owner = { balancer: index, generation: balancer.generation, mode: service.mode };
  const changes = beginning(passage, begins, owner);
  return follow(passage, picked, service.mode, changes, begins ? 'forwardNew' : 'forwardStray');
}

/** The entry of a flow that begins, in the place of one that does not hold. */
function beginning(
  passage: Passage,
  begins: boolean,
  owner: Pick<FlowEntry, 'balancer' | 'generation' | 'mode'>,
): readonly FlowChange[] {
  const { state, key, tick } = passage;
  const opening: FlowEntry = {
    ...owner,
    state: FlowState.Opening,
    ...(owner.mode === Mode.Nat ? { clientMac: macOf(passage) } : {}),
    lastAck: 0,
    lastSeen: tick,
  };
  const entry = begins ? opening : afterSegment(opening, passage);
  const changes: FlowChange[] = [{ table: 'unconfirmed', key, entry }];
  if (state.flows.confirmed.has(key)) changes.push({ table: 'confirmed', key, entry: undefined });
  return changes;
}

function follow(
  { frame, segment, state }: Passage,
  owner: Picked,
  mode: Mode,
  changes: readonly FlowChange[],
  counter: ForwardCounter,
): Outcome {
  const rewritten = rewrite(frame, segment, mode, segment.service.index, owner, state);
  if (rewritten.kind === 'tooBig') return send(rewritten.packet, 'tooBig', changes);
  if (rewritten.kind === 'impossible') return drop(frame, 'dropInternal', changes);
  const to = { service: segment.service.index, balancer: owner.index };
  return { ...send(rewritten.packet, counter, changes), to };
}
