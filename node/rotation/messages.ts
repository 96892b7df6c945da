/** The requests of a change of the secret. docs/control-protocol.md describes them. */
import type { Json } from '../../lib/control/index.ts';
import { HeadgateError } from '../../lib/errors/index.ts';
import { steps, type KeyIds, type Step } from './keys.ts';

/** `null` → KeyState. */
export const keysMethod = 'secret-keys';
/** `{step, id, secret?}` → KeyState: takes a step towards the key with that id. */
export const stepMethod = 'secret-step';

export const rotationMethods: readonly string[] = [keysMethod, stepMethod];

export interface KeyState extends KeyIds {
  /** The key file, or `env NAME`. */
  readonly place: string;
  /** Why the place is not what the node uses; empty when it is. */
  readonly problem: string;
}

export interface StepRequest {
  readonly step: Step;
  readonly id: string;
  /** Hexadecimal; only with `accept`. */
  readonly secret: string | undefined;
}

export function readStep(body: Json): StepRequest {
  const { step, id, secret } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    Json
  >;
  const known = steps.find((each) => each === step);
  const isWhole =
    known !== undefined &&
    typeof id === 'string' &&
    /^[0-9a-f]{8}$/.test(id) &&
    (secret === undefined || (typeof secret === 'string' && /^(?:[0-9a-f]{2}){16,256}$/.test(secret)));
  if (!isWhole)
    throw new HeadgateError('HEADGATE_ROTATION_REQUEST', 'it is not a step of a change of the secret');
  return { step: known, id, secret };
}
