/**
 * Changes the secret of a running cluster, one step after the other. There is no other record of how far it is than
 * what the nodes hold: run again, it goes on from there.
 */
import type { ControlConnection, Json, KeyRing } from '../../lib/control/index.ts';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import type { ClusterSecrets } from '../../topology/index.ts';
import type { NodeAddress } from '../control-endpoints.ts';
import type { ConnectNode } from '../rollout/survey.ts';
import { afterStep, idsOf, keyId, phaseOf, steps, type Step } from './keys.ts';
import { keysMethod, stepMethod, type KeyState } from './messages.ts';
import { ringOf } from './keeper.ts';

export type RotationEvent =
  | { readonly kind: 'begins' | 'continues'; readonly id: string }
  | { readonly kind: 'away'; readonly node: string; readonly why: string }
  | { readonly kind: 'step'; readonly node: string; readonly step: Step };

export interface RotateOptions {
  readonly nodes: readonly NodeAddress[];
  /** What the key file here holds. */
  readonly own: ClusterSecrets;
  /** Keeps what the key file here shall hold from now on; before any node learns of it. */
  readonly save: (own: ClusterSecrets) => Promise<void>;
  readonly connect: (keys: KeyRing) => ConnectNode;
  readonly newSecret: () => Uint8Array;
  /** Nodes that need not be waited for. */
  readonly skip: ReadonlySet<string>;
  readonly onEvent: (event: RotationEvent) => void;
  readonly signal: AbortSignal;
}

interface Seen {
  readonly address: NodeAddress;
  readonly state: KeyState | undefined;
  readonly why: string;
}

const askMs = 5_000;
/** Three steps and a half: a node that keeps falling back would keep us here for ever. */
const mostRounds = 32;

/** Resolves with the id of the new key, which every node then presents and alone accepts. Throws HEADGATE_ROTATION_*. */
export async function rotateSecret(options: RotateOptions): Promise<string> {
  let { own } = options;
  let nodes = await look(options, own);
  refuseForeign(nodes, own);
  const target = targetOf(nodes, own);
  const to = target ?? options.newSecret();
  const id = keyId(to);
  options.onEvent({ kind: target === undefined ? 'begins' : 'continues', id });
  const keep = async (step: Step): Promise<void> => {
    const stepped = afterStep(own, step, to);
    if (stepped === undefined || stepped === own) return;
    await options.save(stepped);
    own = stepped;
  };
  const told = new Set<string>();
  await keep('accept');
  for (let round = 0; round < mostRounds; round++) {
    for (const { address, state, why } of nodes)
      if (state === undefined && !told.has(address.node)) {
        told.add(address.node);
        options.onEvent({ kind: 'away', node: address.node, why });
      }
    const here = nodes.flatMap(({ address, state }) => (state === undefined ? [] : [{ address, state }]));
    if (here.length === 0)
      throw new HeadgateError('HEADGATE_ROLLOUT_NO_CLUSTER', 'no node answers', { cause: nodes[0]?.why });
    const lowest = Math.min(...here.map(({ state }) => phaseOf(state, id)));
    const step = steps[lowest];
    // What all nodes have done, we have.
    if (lowest >= 2) await keep('present');
    if (step === undefined) {
      await keep('drop');
      return id;
    }
    const missed = nodes.filter(
      ({ address, state }) => state === undefined && !options.skip.has(address.node),
    );
    if (step === 'drop' && missed.length > 0) {
      const names = missed.map(({ address }) => address.node).join(', ');
      throw new HeadgateError(
        'HEADGATE_ROTATION_WAITS',
        `the old secret stays accepted: ${names} did not answer`,
      );
    }
    for (const { address, state } of here) {
      if (phaseOf(state, id) !== lowest) continue;
      options.signal.throwIfAborted();
      await takeStep(options, own, address, { step, id, ...(step === 'accept' && { secret: hexOf(to) }) });
      options.onEvent({ kind: 'step', node: address.node, step });
    }
    nodes = await look(options, own);
    refuseForeign(nodes, own);
  }
  throw new HeadgateError('HEADGATE_ROTATION_STEP', 'the nodes do not stay where they were put');
}

/** The secret a change is on its way to; undefined: none is under way. */
function targetOf(nodes: readonly Seen[], own: ClusterSecrets): Uint8Array | undefined {
  if (own.next !== undefined) return own.next;
  if (own.previous !== undefined) return own.presented;
  const id = keyId(own.presented);
  const isUnfinished = nodes.some(
    ({ state }) => state !== undefined && (state.previous !== '' || state.next === id),
  );
  return isUnfinished ? own.presented : undefined;
}

function refuseForeign(nodes: readonly Seen[], own: ClusterSecrets): void {
  const known = new Set(Object.values(idsOf(own)) as string[]);
  for (const { address, state } of nodes) {
    if (state === undefined) continue;
    if (state.place.startsWith('env '))
      throw new HeadgateError('HEADGATE_ROTATION_ENV', `${address.node} has its secret in ${state.place}`);
    const foreign = [state.presented, state.next].find((id) => !known.has(id));
    if (foreign === undefined) continue;
    const message = `${address.node} holds key id ${foreign}, which is not in the key file here`;
    throw new HeadgateError('HEADGATE_ROTATION_ELSEWHERE', message);
  }
}

async function look(options: RotateOptions, own: ClusterSecrets): Promise<readonly Seen[]> {
  const connect = options.connect(ringOf(own));
  return Promise.all(
    options.nodes.map(async (address): Promise<Seen> => {
      try {
        const state = await asked(connect, address, keysMethod, null);
        return { address, state, why: '' };
      } catch (error) {
        return { address, state: undefined, why: describeError(error) };
      }
    }),
  );
}

async function takeStep(
  options: RotateOptions,
  own: ClusterSecrets,
  address: NodeAddress,
  body: Readonly<Record<string, string>>,
): Promise<void> {
  try {
    await asked(options.connect(ringOf(own)), address, stepMethod, body);
  } catch (cause) {
    const code = cause instanceof HeadgateError ? cause.facts['peerCode'] : undefined;
    if (code === 'HEADGATE_ROTATION_BUSY' || code === 'HEADGATE_ROTATION_ENV')
      throw new HeadgateError(code, `${address.node} does not take part`, { cause });
    throw new HeadgateError('HEADGATE_ROTATION_STEP', `${address.node}: step ${body['step']}`, { cause });
  }
}

async function asked(
  connect: ConnectNode,
  address: NodeAddress,
  method: string,
  body: Json,
): Promise<KeyState> {
  let connection: ControlConnection | undefined;
  try {
    connection = await connect(address);
    // Only holders of the cluster secret can have answered, and they run this code.
    return (await connection.request(method, body, askMs)) as unknown as KeyState;
  } finally {
    connection?.close();
  }
}

function hexOf(secret: Uint8Array): string {
  return Buffer.from(secret).toString('hex');
}
