import { hkdfSync } from 'node:crypto';

/** Keys derived from the cluster secret. Holds secret bytes: never log or serialize it. */
export class ControlKey {
  /** Eight hexadecimal digits that tell two secrets apart and reveal nothing of them. Safe to show. */
  readonly id: string;
  readonly #psk: Buffer;

  private constructor(id: string, psk: Buffer) {
    this.id = id;
    this.#psk = psk;
  }

  /** `secret` is the cluster secret's bytes (at least 16). HKDF-SHA-256 (RFC 5869) with a purpose per key. */
  static fromSecret(secret: Uint8Array): ControlKey {
    const derive = (purpose: string, bytes: number): Buffer =>
      Buffer.from(hkdfSync('sha256', secret, 'headgate', purpose, bytes));
    return new ControlKey(derive('key id v1', 4).toString('hex'), derive('control psk v1', 32));
  }

  /** The pre-shared key of the control channel, 32 bytes. */
  get psk(): Buffer {
    return this.#psk;
  }

  /** Alone, it is presented and accepted. */
  get presented(): this {
    return this;
  }

  get accepted(): readonly ControlKey[] {
    return [this];
  }

  toJSON(): string {
    return `key ${this.id}`;
  }
}
