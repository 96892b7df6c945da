import { HeadgateError } from '../lib/errors/index.ts';
import type { MessageId } from './protocol.ts';

/** A message that waits for its acknowledgement. */
export type Sendable =
  | { readonly type: 'say'; readonly text: string }
  | { readonly type: 'tell'; readonly to: string; readonly text: string };

interface Pending {
  readonly message: Sendable & { readonly id: MessageId };
  resolve(): void;
  reject(error: HeadgateError): void;
}

/** What a client has sent and no chat server has acknowledged: in order, numbered, bounded. */
export class PendingSends {
  readonly #most: number;
  readonly #pending = new Map<MessageId, Pending>();
  #lastId = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Everything unacknowledged, oldest first: what to send again after a reconnect. */
  messages(): (Sendable & { readonly id: MessageId })[] {
    return [...this.#pending.values()].map(({ message }) => message);
  }

  /** Numbers a message and keeps it; `acknowledged` settles with its fate. Throws HEADGATE_CHAT_BACKLOG_FULL. */
  add(message: Sendable): {
    readonly message: Sendable & { readonly id: MessageId };
    readonly acknowledged: Promise<void>;
  } {
    if (this.#pending.size >= this.#most) {
      throw new HeadgateError(
        'HEADGATE_CHAT_BACKLOG_FULL',
        `${this.#most} messages wait for an acknowledgement`,
      );
    }
    const numbered = { ...message, id: ++this.#lastId };
    const acknowledged = new Promise<void>((resolve, reject) => {
      this.#pending.set(numbered.id, { message: numbered, resolve, reject });
    });
    return { message: numbered, acknowledged };
  }

  acknowledge(id: MessageId): void {
    this.#take(id)?.resolve();
  }

  /** False when no such message waits. */
  refuse(id: MessageId, error: HeadgateError): boolean {
    const pending = this.#take(id);
    pending?.reject(error);
    return pending !== undefined;
  }

  refuseAll(error: HeadgateError): void {
    for (const id of this.#pending.keys()) this.refuse(id, error);
  }

  #take(id: MessageId): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}
