/** Reads, swaps and watches, over the endpoints of one etcd. */
import type { Endpoint } from '../address/index.ts';
import { HeadgateError, isHeadgateError } from '../errors/index.ts';
import type { EtcdAccess } from './access.ts';
import type { EtcdAddress } from './address.ts';
import {
  readBody,
  readReading,
  readSwapped,
  readToken,
  readWatchLine,
  swapBody,
  watchBody,
  type EtcdReading,
  type EtcdSwap,
  type EtcdSwapped,
} from './codec.ts';
import { endpointName, Transport, type Answer } from './transport.ts';
import { answerTrouble, networkTrouble, saysNoUsers } from './trouble.ts';

export interface EtcdClientOptions {
  readonly address: EtcdAddress;
  readonly access: EtcdAccess;
  /** Longest wait for one endpoint, milliseconds; default 3000: a member without a leader says so after 7 s. */
  readonly timeoutMs?: number;
}

export interface EtcdStream {
  close(): void;
}

export interface EtcdWatchHandlers {
  /** The watch stands; from here on every change is told. */
  onCreated?(): void;
  /** Something changed at or after the start revision. */
  onEvents(): void;
  /** The start revision is no longer kept: read again and watch from there. The stream is closed. */
  onCompacted(): void;
  /** It ended; read and watch again, perhaps elsewhere. */
  onEnd(error: HeadgateError): void;
}

const defaultTimeoutMs = 3_000;

export class EtcdClient {
  readonly #address: EtcdAddress;
  readonly #access: EtcdAccess;
  readonly #timeoutMs: number;
  /** Index of the endpoint that answered last: the next request begins there. */
  #preferred = 0;
  #transport: Promise<Transport> | undefined;
  #token: Promise<string> | undefined;
  #closed = false;

  constructor({ address, access, timeoutMs = defaultTimeoutMs }: EtcdClientOptions) {
    this.#address = address;
    this.#access = access;
    this.#timeoutMs = timeoutMs;
  }

  /** The endpoint that answered last. */
  get endpoint(): Endpoint {
    return this.#address.endpoints[this.#preferred]!;
  }

  /** Some keys at one revision, as a majority has them. Throws HEADGATE_ETCD_*. */
  async read(keys: readonly string[]): Promise<EtcdReading> {
    const body = await this.#ask('/v3/kv/txn', readBody(keys));
    return readReading(body, keys.length) ?? this.#nonsense();
  }

  /**
   * Writes all or nothing. Safe to be asked twice: whoever is not sure finds out by what the keys hold. Throws
   * HEADGATE_ETCD_*; after _UNREACHABLE it may have been done.
   */
  async swap(swap: EtcdSwap): Promise<EtcdSwapped> {
    const body = await this.#ask('/v3/kv/txn', swapBody(swap));
    return readSwapped(body, swap) ?? this.#nonsense();
  }

  /** Watches one key at the endpoint that answered last. Never throws. */
  watch(key: string, startRevision: bigint, handlers: EtcdWatchHandlers): EtcdStream {
    const endpoint = this.endpoint;
    let stream: EtcdStream | undefined;
    let isClosed = false;
    const end = (error: HeadgateError): void => {
      if (isClosed) return;
      close();
      handlers.onEnd(error);
    };
    const close = (): void => {
      isClosed = true;
      stream?.close();
    };
    const open = async (): Promise<void> => {
      const [transport, token] = await Promise.all([this.#connected(), this.#loggedIn()]);
      if (isClosed) return;
      stream = transport.lines(endpoint, '/v3/watch', watchBody(key, startRevision), token, {
        onLine: (line) => {
          const said = readWatchLine(line);
          if (isClosed) return;
          if (said === undefined) end(this.#nonsenseOf(endpoint));
          else if (said.kind === 'created') handlers.onCreated?.();
          else if (said.kind === 'events') handlers.onEvents();
          else if (said.kind === 'compacted') {
            close();
            handlers.onCompacted();
          } else if (said.kind === 'ended') {
            // A token that ran out ends watches, too.
            this.#token = undefined;
            const message = `${endpointName(endpoint)} ended the watch: ${said.why.slice(0, 200)}`;
            end(new HeadgateError('HEADGATE_ETCD_UNREACHABLE', message));
          }
        },
        onEnd: (error) => end(networkTrouble(endpointName(endpoint), error).error),
      });
      if (isClosed) stream.close();
    };
    open().catch((error: unknown) => {
      end(error instanceof HeadgateError ? error : networkTrouble(endpointName(endpoint), error).error);
    });
    return { close };
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#forgetConnections();
  }

  /** Tries every endpoint once, beginning with the one that answered last. */
  async #ask(path: string, body: object): Promise<unknown> {
    const { endpoints } = this.#address;
    const errors: HeadgateError[] = [];
    for (let step = 0; step < endpoints.length; step++) {
      const index = (this.#preferred + step) % endpoints.length;
      const outcome = await this.#askOne(endpoints[index]!, path, body);
      if ('body' in outcome) {
        this.#preferred = index;
        return outcome.body;
      }
      errors.push(outcome.error);
    }
    // Certificates may have been renewed meanwhile.
    this.#forgetConnections();
    throw summary(errors);
  }

  /** Throws what another endpoint would not do better. */
  async #askOne(
    endpoint: Endpoint,
    path: string,
    body: object,
  ): Promise<{ readonly body: unknown } | { readonly error: HeadgateError }> {
    const name = endpointName(endpoint);
    for (let isAgain = false; ; isAgain = true) {
      let answer: Answer;
      try {
        const token = await this.#loggedIn();
        answer = await (await this.#connected()).post(endpoint, path, body, token, this.#timeoutMs);
      } catch (error) {
        if (
          isHeadgateError(error, 'HEADGATE_ETCD_UNREACHABLE') ||
          isHeadgateError(error, 'HEADGATE_ETCD_TLS')
        )
          return { error };
        if (error instanceof HeadgateError) throw error;
        return { error: networkTrouble(name, error).error };
      }
      if (answer.status === 200) return { body: answer.body };
      const { next, error } = answerTrouble(name, answer);
      if (next === 'elsewhere') return { error };
      if (next === 'final' || isAgain) throw error;
      this.#token = undefined;
    }
  }

  /** The token of our user; empty without one. */
  #loggedIn(): Promise<string> {
    const login = (this.#token ??= this.#logIn());
    login.catch(() => {
      if (this.#token === login) this.#token = undefined;
    });
    return login;
  }

  async #logIn(): Promise<string> {
    const login = await this.#access.login();
    if (login === undefined) return '';
    const { endpoints } = this.#address;
    const errors: HeadgateError[] = [];
    for (let step = 0; step < endpoints.length; step++) {
      const endpoint = endpoints[(this.#preferred + step) % endpoints.length]!;
      const name = endpointName(endpoint);
      try {
        const transport = await this.#connected();
        const answer = await transport.post(endpoint, '/v3/auth/authenticate', login, '', this.#timeoutMs);
        if (answer.status === 200) return readToken(answer.body) ?? this.#nonsense();
        if (saysNoUsers(answer)) return '';
        const { next, error } = answerTrouble(name, answer);
        if (next !== 'elsewhere') throw error;
        errors.push(error);
      } catch (error) {
        if (error instanceof HeadgateError) throw error;
        errors.push(networkTrouble(name, error).error);
      }
    }
    throw summary(errors);
  }

  #connected(): Promise<Transport> {
    if (this.#closed) throw new HeadgateError('HEADGATE_ETCD_UNREACHABLE', 'the client of etcd is closed');
    const made = (this.#transport ??= (async () =>
      new Transport(this.#address.tls ? await this.#access.tls() : undefined))());
    made.catch(() => {
      if (this.#transport === made) this.#transport = undefined;
    });
    return made;
  }

  #forgetConnections(): void {
    this.#transport?.then(
      (transport) => transport.close(),
      () => undefined,
    );
    this.#transport = undefined;
  }

  #nonsense(): never {
    throw this.#nonsenseOf(this.endpoint);
  }

  #nonsenseOf(endpoint: Endpoint): HeadgateError {
    return new HeadgateError(
      'HEADGATE_ETCD_PROTOCOL',
      `${endpointName(endpoint)} does not answer as etcd v3 does`,
    );
  }
}

/** The first trouble, and how many endpoints had one. */
function summary(errors: readonly HeadgateError[]): HeadgateError {
  const [first] = errors;
  if (first === undefined) return new HeadgateError('HEADGATE_ETCD_UNREACHABLE', 'there is no endpoint');
  if (errors.length === 1) return first;
  return new HeadgateError(first.code, `none of ${errors.length} endpoints of etcd answers`, {
    cause: first,
  });
}
