import { addressBytes, addressText, type Endpoint } from '../../address/index.ts';
import type { RelayClient } from '../types.ts';

/** What many clients have in common. */
type Common = Pick<RelayClient, 'service' | 'vip' | 'forwarded' | 'destination'>;

/** Of one row: source, then peer, each 16 bytes of address and 2 of port. */
const addressRoom = 16;
const endRoom = addressRoom + 2;
const rowRoom = 2 * endRoom;
/** Services are few; the clients of what comes when so many are known keep it each. */
const mostCommon = 1_024;

/**
 * The clients of the joined rows: 52 bytes each, where an object with its texts takes 200. They are needed again when their
 * connections end.
 */
export class ClientLedger {
  readonly #ids: Float64Array;
  readonly #ends: Uint8Array;
  readonly #common: (Common | undefined)[];
  readonly #known = new Map<Endpoint, Common[]>();
  #knownCount = 0;

  constructor(rows: number) {
    this.#ids = new Float64Array(rows);
    this.#ends = new Uint8Array(rows * rowRoom);
    this.#common = Array.from({ length: rows });
  }

  keep(row: number, client: RelayClient): void {
    this.#ids[row] = client.id;
    this.#write(row * rowRoom, client.source);
    this.#write(row * rowRoom + endRoom, client.peer);
    this.#common[row] = this.#commonOf(client);
  }

  /** The client of a row, which is empty then; undefined when it is. */
  take(row: number): RelayClient | undefined {
    const common = this.#common[row];
    if (common === undefined) return undefined;
    this.#common[row] = undefined;
    const source = this.#read(row * rowRoom);
    const peer = this.#read(row * rowRoom + endRoom);
    return { id: this.#ids[row]!, ...common, source, peer };
  }

  #write(at: number, { host, port }: Endpoint): void {
    this.#ends.set(addressBytes(host), at);
    this.#ends[at + addressRoom] = port >> 8;
    this.#ends[at + addressRoom + 1] = port & 0xff;
  }

  #read(at: number): Endpoint {
    const port = (this.#ends[at + addressRoom]! << 8) | this.#ends[at + addressRoom + 1]!;
    return { host: addressText(this.#ends, at), port };
  }

  #commonOf({ service, vip, forwarded, destination }: RelayClient): Common {
    const known = this.#known.get(destination);
    const found = known?.find(
      (one) => one.service === service && one.vip === vip && one.forwarded === forwarded,
    );
    if (found !== undefined) return found;
    const common = { service, vip, forwarded, destination };
    if (this.#knownCount < mostCommon) {
      this.#knownCount++;
      if (known === undefined) this.#known.set(destination, [common]);
      else known.push(common);
    }
    return common;
  }
}
