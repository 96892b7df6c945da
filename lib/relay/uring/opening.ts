import { formatEndpoint, type Endpoint } from '../../address/index.ts';
import { errnoName, IP_BIND_ADDRESS_NO_PORT, IPPROTO_IP, SOCK_STREAM } from '../../linux/index.ts';
import {
  direct,
  encodeSockaddr,
  prepareBind,
  prepareConnect,
  prepareSetSocketOption,
  prepareSocketDirect,
} from '../../linux/uring/index.ts';
import type { Admission } from '../admission.ts';
import { Opening, type Joining } from '../opening.ts';
import type { Destination } from '../types.ts';
import type { UringCore } from './core.ts';
import { kinds } from './kinds.ts';
import { rowAt } from './machine.ts';

/** The requests of an opening, for one row. */
export class UringOpening extends Opening {
  readonly #core: UringCore;
  readonly #row: number;
  /** Payload that came early; the carrier bounds it. */
  readonly #held: Buffer[] = [];
  #endpoint: Endpoint | undefined;
  /** Of the connect under way. */
  #attempt = 0;
  /** What failed before the connect, which is only cancelled then. */
  #failure: Error | undefined;

  constructor(core: UringCore, spec: Admission, row: number, source: Endpoint, destination: Endpoint) {
    super(core.books, spec, source, destination);
    this.#core = core;
    this.#row = row;
  }

  /** A request of attempt `attempt` is done. */
  step(kind: number, attempt: number, result: number): void {
    const endpoint = this.#endpoint;
    // An attempt that was given up completes after that.
    if (this.isOver || endpoint === undefined || attempt !== this.tries) return;
    if (result < 0) this.#failure ??= systemError(kind, -result, endpoint);
    if (kind !== kinds.connect) return;
    if (this.#failure === undefined) this.connected();
    else this.connectFailed(this.#failure);
  }

  protected override connect({ endpoint, localAddress }: Destination): void {
    const { machine } = this.#core;
    const row = this.#row;
    const socket = 2 * row + 1;
    const attempt = (this.#attempt = this.tries);
    // Encoded first, for these throw.
    const remote = sockaddrOf(endpoint);
    const local = localAddress === undefined ? undefined : encodeSockaddr({ host: localAddress, port: 0 });
    this.#failure = undefined;
    this.#endpoint = endpoint;
    // The kernel copies an address when it is submitted; that of an attempt given up at once still stands in the row.
    if (attempt > 0) machine.ring.submit();
    machine.rowMemory.u8.set(remote, machine.offset(row, rowAt.destination));
    machine.ring.reserve(4);
    const family = remote[0]!;
    const made = prepareSocketDirect(
      machine.request(kinds.socket | attempt, row),
      family,
      SOCK_STREAM,
      0,
      socket,
    );
    if (local !== undefined) {
      made.link();
      machine.rowMemory.u8.set(local, machine.offset(row, rowAt.local));
      // The port is chosen by connect(), so that one port serves connections to many destinations.
      prepareSetSocketOption(
        machine.request(kinds.bindOption | attempt, row),
        direct(socket),
        IPPROTO_IP,
        IP_BIND_ADDRESS_NO_PORT,
        machine.oneAt,
        4,
      ).link();
      const bind = machine.request(kinds.bind | attempt, row);
      prepareBind(bind, direct(socket), machine.at(row, rowAt.local), local.length).link();
    }
    const connect = machine.request(kinds.connect | attempt, row);
    prepareConnect(connect, direct(socket), machine.at(row, rowAt.destination), remote.length);
    machine.loop.flush();
  }

  protected override dropDestination(): void {
    if (this.#endpoint === undefined) return;
    this.#endpoint = undefined;
    const { machine } = this.#core;
    machine.cancel(this.#row, kinds.connect | this.#attempt);
    machine.resetSocket(this.#row, 2 * this.#row + 1);
  }

  protected override resetClient(): void {
    this.#held.length = 0;
    this.#core.carrier.reset(2 * this.#row);
    this.#core.releaseRow(this.#row);
  }

  protected override hold(payload: Buffer): void {
    this.#held.push(payload);
    this.#core.carrier.keep(this.#row, payload.length);
  }

  protected override join(joining: Joining): void {
    this.#core.join(this.#row, joining, this.spec.settings, this.#held);
  }
}

const sockaddrs = new WeakMap<Endpoint, Uint8Array>();

/** Remembered, for many connections have the same destination. Throws when it is no address, or no port. */
function sockaddrOf(endpoint: Endpoint): Uint8Array {
  let sockaddr = sockaddrs.get(endpoint);
  if (sockaddr === undefined) {
    sockaddr = encodeSockaddr(checked(endpoint));
    sockaddrs.set(endpoint, sockaddr);
  }
  return sockaddr;
}

function checked(endpoint: Endpoint): Endpoint {
  const { port } = endpoint;
  if (Number.isInteger(port) && port > 0 && port < 65_536) return endpoint;
  throw new RangeError(`${port} is not a port`);
}

const calls: Readonly<Record<number, string>> = { [kinds.socket]: 'socket', [kinds.connect]: 'connect' };

function systemError(kind: number, errno: number, endpoint: Endpoint): Error {
  const code = errnoName(errno);
  return Object.assign(new Error(`${calls[kind] ?? 'bind'} ${code} ${formatEndpoint(endpoint)}`), { code });
}
