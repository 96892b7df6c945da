/**
 * A topology in etcd: the text under the key, and beside it, under KEY.generation, a note of who rolled it out. Both are
 * written in one transaction, so a note belongs to the text exactly when both have the same revision; a text that was
 * put there by other means stands alone.
 */
import {
  EtcdClient,
  etcdAccess,
  formatEtcdAddress,
  type EtcdReading,
  type EtcdStream,
  type EtcdWatchHandlers,
  parseEtcdAddress,
} from '../../lib/etcd/index.ts';
import { HeadgateError } from '../../lib/errors/index.ts';

/** What a shared store holds. */
export interface SharedReading {
  /** Undefined: nothing yet. */
  readonly text: string | undefined;
  /** Undefined: the text was not rolled out. */
  readonly note: string | undefined;
  /** Changes with every write; a write begins from one. */
  readonly version: bigint;
  /** Of the store: a watch from the next one on misses nothing. */
  readonly revision: bigint;
}

/** A place for one topology that all nodes share. */
export interface SharedStore {
  /** Throws HEADGATE_ETCD_*. */
  load(): Promise<SharedReading>;
  /**
   * Puts text and note there if nothing has changed since `version`; resolves with the new version. Throws
   * HEADGATE_ETCD_CHANGED, then nothing was written, and HEADGATE_ETCD_*.
   */
  swap(text: string, note: string, version: bigint): Promise<bigint>;
}

/** Times a swap is asked whose answer was lost; it can be asked as often as one likes. */
const swapTries = 3;

export class EtcdStore implements SharedStore {
  readonly name: string;
  readonly #key: string;
  readonly #noteKey: string;
  readonly #client: EtcdClient;

  /** Throws HEADGATE_ETCD_ADDRESS. */
  constructor(address: string, env: Readonly<NodeJS.ProcessEnv>) {
    const parsed = parseEtcdAddress(address);
    this.name = formatEtcdAddress(parsed);
    this.#key = parsed.key;
    this.#noteKey = `${parsed.key}.generation`;
    this.#client = new EtcdClient({ address: parsed, access: etcdAccess(env, parsed.user) });
  }

  /** Identity of the endpoint that answered last. */
  get endpoint(): object {
    return this.#client.endpoint;
  }

  async load(): Promise<SharedReading> {
    return reading(await this.#client.read([this.#key, this.#noteKey]));
  }

  async swap(text: string, note: string, version: bigint): Promise<bigint> {
    const puts = new Map([
      [this.#key, text],
      [this.#noteKey, note],
    ]);
    for (let tries = 1; ; tries++) {
      try {
        const { done, reading: found } = await this.#client.swap({
          key: this.#key,
          modRevision: version,
          puts,
        });
        const now = reading(found);
        // Ours after all: the answer to an earlier try was lost.
        if (done || (now.text === text && now.note === note)) return now.version;
        const message = `${this.name} is at revision ${now.version}, the change began from ${version}`;
        throw new HeadgateError('HEADGATE_ETCD_CHANGED', message);
      } catch (error) {
        const mayBeDone = error instanceof HeadgateError && error.code === 'HEADGATE_ETCD_UNREACHABLE';
        if (!mayBeDone || tries >= swapTries) throw error;
      }
    }
  }

  watch(from: bigint, handlers: EtcdWatchHandlers): EtcdStream {
    return this.#client.watch(this.#key, from, handlers);
  }

  close(): void {
    this.#client.close();
  }
}

function reading({ revision, entries: [text, note] }: EtcdReading): SharedReading {
  const isTogether = text !== undefined && note?.modRevision === text.modRevision;
  return {
    text: text?.value,
    note: isTogether ? note.value : undefined,
    version: text?.modRevision ?? 0n,
    revision,
  };
}
