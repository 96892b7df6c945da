/** A node's secrets while it runs: the key file is watched, and rewritten by the steps of a change. */
import type { Logger } from 'pino';
import { stat } from 'node:fs/promises';
import { every, type Clock, type Timer } from '../../lib/clock/index.ts';
import { ControlKey, KeyRing, type ControlServer } from '../../lib/control/index.ts';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import { readSecrets, writeSecrets, type ClusterSecrets, type SecretSource } from '../../topology/index.ts';
import { afterStep, idsOf, isSame, keyId, mayAdopt, steps } from './keys.ts';
import { keysMethod, readStep, stepMethod, type KeyState, type StepRequest } from './messages.ts';

/** Time between looks at the key file's stat. */
const lookMs = 1_000;

export interface KeyKeeperOptions {
  readonly source: SecretSource;
  readonly env: Readonly<NodeJS.ProcessEnv>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Reads the secrets of a node. Throws HEADGATE_TOPOLOGY_SECRET_*. */
export async function openKeys(options: KeyKeeperOptions): Promise<KeyKeeper> {
  return new KeyKeeper(options, await readSecrets(options.source, options.env));
}

export class KeyKeeper {
  readonly ring: KeyRing;
  readonly #env: Readonly<NodeJS.ProcessEnv>;
  readonly #clock: Clock;
  readonly #log: Logger;
  #source: SecretSource;
  #held: ClusterSecrets;
  #problem = '';
  #stamp = '';
  #looks: Timer | undefined;
  /** Changes one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ source, env, clock, log }: KeyKeeperOptions, held: ClusterSecrets) {
    this.#source = source;
    this.#env = env;
    this.#clock = clock;
    this.#log = log;
    this.#held = held;
    const { presented, others } = keysOf(held);
    this.ring = new KeyRing(presented, others);
  }

  /** Answers the requests of a change, and begins to watch. */
  start(control: Pick<ControlServer, 'handle'>): void {
    control.handle(keysMethod, () => ({ ...this.status() }));
    control.handle(stepMethod, async (body) => ({ ...(await this.step(readStep(body))) }));
    this.#looks = every(this.#clock, lookMs, () => void this.#inTurn(() => this.#look(false)), true);
  }

  status(): KeyState {
    const place = 'file' in this.#source ? this.#source.file : `env ${this.#source.env}`;
    return { ...idsOf(this.#held), place, problem: this.#problem };
  }

  /** Looks at the place now, whatever its stat says. */
  async reload(): Promise<void> {
    await this.#inTurn(() => this.#look(true));
  }

  /** The topology names this place for the secret. */
  async follow(source: SecretSource): Promise<void> {
    await this.#inTurn(async () => {
      this.#source = source;
      await this.#look(true);
    });
  }

  async close(): Promise<void> {
    this.#looks?.cancel();
    await this.#turn;
  }

  async step(request: StepRequest): Promise<KeyState> {
    return this.#inTurn(async () => {
      const source = this.#source;
      if (!('file' in source)) {
        const message = `the secret is in the environment variable ${source.env}`;
        throw new HeadgateError('HEADGATE_ROTATION_ENV', message);
      }
      // Another node on this machine may have been first.
      await this.#look(true);
      const held = this.#stepped(request);
      if (held !== this.#held) {
        await writeSecrets(source.file, held);
        this.#use(held, `the secret: step ${request.step}`);
      }
      return this.status();
    });
  }

  #stepped({ step, id, secret }: StepRequest): ClusterSecrets {
    const bytes = secret === undefined ? undefined : Buffer.from(secret, 'hex');
    if (bytes !== undefined && keyId(bytes) !== id)
      throw new HeadgateError('HEADGATE_ROTATION_REQUEST', 'the secret is not that of the key id');
    const held = afterStep(this.#held, step, bytes ?? id);
    if (held !== undefined) return held;
    const { presented, next, previous } = idsOf(this.#held);
    const other = next || previous;
    const isBusy = other !== '' && other !== id;
    const message = isBusy
      ? `a change between key ids ${presented} and ${other} is under way`
      : `it is at key id ${presented}, before step ${steps[Math.max(0, steps.indexOf(step) - 1)]}`;
    throw new HeadgateError(isBusy ? 'HEADGATE_ROTATION_BUSY' : 'HEADGATE_ROTATION_REQUEST', message);
  }

  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(run);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Takes what the place holds if it has a key in common with what is in use. Never rejects. */
  async #look(isForced: boolean): Promise<void> {
    try {
      if ('file' in this.#source) {
        const { ino, size, mtimeNs, ctimeNs, mode } = await stat(this.#source.file, { bigint: true });
        const stamp = `${ino} ${size} ${mtimeNs} ${ctimeNs} ${mode}`;
        if (stamp === this.#stamp && !isForced) return;
        this.#stamp = stamp;
      } else if (!isForced) return;
      const found = await readSecrets(this.#source, this.#env);
      if (mayAdopt(this.#held, found)) {
        if (!isSame(this.#held, found)) this.#use(found, 'the secret was changed where it is kept');
        this.#tell('');
      } else {
        this.#tell(
          `the secret in ${this.status().place} has key id ${keyId(found.presented)}, the one in use ${keyId(this.#held.presented)}: it is used from this node's next start on; headgate topology rotate-secret changes it while nodes run`,
        );
      }
    } catch (error) {
      this.#stamp = '';
      this.#tell(describeError(error));
    }
  }

  #tell(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem !== '') this.#log.warn(problem);
  }

  #use(held: ClusterSecrets, why: string): void {
    this.#held = held;
    this.#problem = '';
    const { presented, others } = keysOf(held);
    this.ring.replace(presented, others);
    const also = others.length === 0 ? '' : `, accepts ${others.map(({ id }) => id).join(', ')} too`;
    this.#log.info(`${why}: presents key id ${presented.id}${also}`);
  }
}

function keysOf({ presented, next, previous }: ClusterSecrets) {
  const others = [next, previous].filter((each) => each !== undefined);
  return {
    presented: ControlKey.fromSecret(presented),
    others: others.map((secret) => ControlKey.fromSecret(secret)),
  };
}

/** The keys of some secrets, for those who only connect. */
export function ringOf(secrets: ClusterSecrets): KeyRing {
  const { presented, others } = keysOf(secrets);
  return new KeyRing(presented, others);
}
