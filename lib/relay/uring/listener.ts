import { closeSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { addressKind, type Endpoint } from '../../address/index.ts';
import { acceptQueue, errnoName, linuxAvailable, listeningSocket, localEndpoint } from '../../linux/index.ts';
import {
  decodeSockaddr,
  ECANCELED,
  prepareAcceptDirect,
  prepareInstall,
  sockaddrBytesMost,
} from '../../linux/uring/index.ts';
import { admit } from '../admission.ts';
import { isExhaustion, listenFailure } from '../failures.ts';
import type { ListenSettings, ListenSpec, RelayListener } from '../types.ts';
import type { UringCore } from './core.ts';
import { kinds } from './kinds.ts';
import { rowAt } from './machine.ts';
import { UringOpening } from './opening.ts';
import type { Rings } from './rings.ts';
import { tuneListener } from './tune.ts';

/** Accepts under way at one time, so that a burst is taken in few turns. */
const acceptsMost = 16;
/** Accepts under way are kept as one number each, ring and row. */
const rowSpan = 1 << 24;
/** Accepting pauses so long when the machine has no descriptors or memory left. */
const exhaustedPauseMs = 100;

/** One listening socket and what its clients are to be given. */
export class UringListener implements RelayListener {
  readonly spec: ListenSpec;
  readonly #rings: Rings;
  readonly #fd: number;
  /** The local end of all its clients; undefined when it listens on all addresses. */
  readonly #local: Endpoint | undefined;
  readonly #rows = new Set<number>();
  #current: ListenSpec;
  #accepts = 0;
  #isPaused = false;
  #isStopped = false;
  #closing: Promise<void> | undefined;

  private constructor(rings: Rings, fd: number, spec: ListenSpec) {
    this.#rings = rings;
    this.#fd = fd;
    this.spec = spec;
    this.#current = spec;
    this.#local = addressKind(spec.endpoint.host) === 'wildcard' ? undefined : spec.endpoint;
    rings.listeners.add(this);
    rings.refresh();
    // Accepting begins with the next batch.
    rings.core(0).machine.loop.flush();
  }

  /** Throws HEADGATE_RELAY_PORT_TAKEN, _ADDRESS_NOT_LOCAL, _PORT_FORBIDDEN, _LISTEN_FAILED. */
  static listen(rings: Rings, spec: ListenSpec): UringListener {
    let fd: number | undefined;
    try {
      fd = listeningSocket(spec);
      tuneListener(fd, spec.settings);
      const { port } = localEndpoint(fd);
      return new UringListener(rings, fd, { ...spec, endpoint: { ...spec.endpoint, port } });
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      throw listenFailure(spec, error);
    }
  }

  get descriptor(): number | undefined {
    return this.#isStopped ? undefined : this.#fd;
  }

  update(settings: ListenSettings): void {
    const { service, endpoint, backlog, reusePort } = this.spec;
    this.#current = { service, endpoint, backlog, reusePort, ...settings };
    if (!this.#isStopped) tuneListener(this.#fd, settings.settings);
  }

  close(): Promise<void> {
    this.#closing ??= this.#drain().then(() => this.#stop());
    return this.#closing;
  }

  /** Closes without looking at the accept queue. Idempotent. */
  closeNow(): void {
    this.#closing ??= Promise.resolve();
    this.#stop();
  }

  /** Keeps enough accepts under way; called after each batch. */
  arm(): void {
    if (this.#isStopped || this.#isPaused) return;
    const { plan, listeners } = this.#rings;
    const most = Math.max(1, Math.min(acceptsMost, Math.floor(plan.acceptRows / listeners.size)));
    while (this.#rows.size < most) {
      const core = this.#rings.withRoom();
      // None has room for the moment: rows of ended connections follow.
      if (core === undefined) return;
      this.#accept(core);
    }
  }

  /** An accept is done: 0, for the slot was given, or an errno. */
  accepted(core: UringCore, row: number, result: number): void {
    this.#rows.delete(core.index * rowSpan + row);
    if (result < 0) {
      this.#acceptFailed(core, row, -result);
      return;
    }
    this.#accepts++;
    if (this.#rings.isClosed) {
      refuse(core, row);
      return;
    }
    const { books, isShortOfDescriptors } = this.#rings;
    const { stats, limit } = books;
    if (stats.connections >= limit) {
      stats.refusedFull++;
      refuse(core, row);
    } else if (isShortOfDescriptors) {
      stats.descriptorsExhausted++;
      refuse(core, row);
    } else if (this.#local === undefined) {
      // Only a plain descriptor can be asked for its local end.
      prepareInstall(core.machine.request(kinds.install, row), 2 * row);
    } else {
      this.#open(core, row, this.#local);
    }
  }

  /** The client of a row has got a plain descriptor as well. */
  installed(core: UringCore, row: number, result: number): void {
    if (result < 0) {
      this.#rings.books.stats.descriptorsExhausted++;
      refuse(core, row);
      return;
    }
    try {
      if (this.#rings.isClosed) refuse(core, row);
      else this.#open(core, row, localEndpoint(result));
    } finally {
      closeSync(result);
    }
  }

  #accept(core: UringCore): void {
    const { machine } = core;
    const row = core.takeRow(this);
    this.#rows.add(core.index * rowSpan + row);
    machine.rowMemory.u32[machine.offset(row, rowAt.peerLength) / 4] = sockaddrBytesMost;
    const sqe = machine.request(kinds.accept, row);
    prepareAcceptDirect(
      sqe,
      this.#fd,
      2 * row,
      machine.at(row, rowAt.peer),
      machine.at(row, rowAt.peerLength),
    );
    machine.loop.flush();
  }

  #open(core: UringCore, row: number, local: Endpoint): void {
    const { machine, books } = core;
    const source = decodeSockaddr(machine.rowMemory.u8, machine.offset(row, rowAt.peer));
    if (source === undefined) {
      refuse(core, row);
      return;
    }
    const admission = admit(this.#current, source.host);
    if (admission === undefined) {
      books.stats.refusedPeer++;
      refuse(core, row);
      return;
    }
    const opening = new UringOpening(core, admission, row, source, local);
    core.open(row, opening, admission.settings);
    opening.start();
  }

  #acceptFailed(core: UringCore, row: number, errno: number): void {
    core.releaseRow(row);
    if (errno === ECANCELED) return;
    const code = errnoName(errno);
    // Any other failure concerns one client, whom the kernel has told.
    if (!isExhaustion(Object.assign(new Error(code), { code }))) return;
    const { books } = this.#rings;
    books.stats.descriptorsExhausted++;
    if (this.#isPaused) return;
    this.#isPaused = true;
    const goOn = (): void => {
      this.#isPaused = false;
      this.#rings.core(0).machine.loop.flush();
    };
    books.clock.after(exhaustedPauseMs, goOn, true);
  }

  /** Waits until what is in the accept queue now has been accepted: the kernel resets what it finds there at the end. */
  async #drain(): Promise<void> {
    const waiting = this.#queued();
    const enough = this.#accepts + waiting;
    for (let turns = 2 * waiting; turns > 0 && this.#accepts < enough && this.#queued() > 0; turns--) {
      this.#rings.core(0).machine.loop.flush();
      await nextTurn();
    }
  }

  #queued(): number {
    return this.#isStopped || !linuxAvailable().available ? 0 : acceptQueue(this.#fd).queued;
  }

  /** The accepts under way hold the socket open until they are cancelled, which the next turn does. */
  #stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    const cores = new Set<UringCore>();
    for (const key of this.#rows) {
      const core = this.#rings.core(Math.floor(key / rowSpan));
      const row = key % rowSpan;
      core.machine.cancel(row, kinds.accept);
      cores.add(core);
    }
    for (const { machine } of cores) {
      machine.ring.wait(0);
      machine.loop.flush();
    }
    closeSync(this.#fd);
    this.#rings.listeners.delete(this);
    this.#rings.refresh();
  }
}

/** The client gets RST; nothing of it remains. */
function refuse(core: UringCore, row: number): void {
  core.machine.resetSocket(row, 2 * row);
  core.releaseRow(row);
}
