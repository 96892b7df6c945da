import { closeSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { addressKind, type Endpoint } from '../../address/index.ts';
import { acceptQueue, errnoName, linuxAvailable, listeningSocket, localEndpoint } from '../../linux/index.ts';
import {
  decodeSockaddr,
  ECANCELED,
  packHigh,
  packLow,
  prepareAcceptDirect,
  prepareCancel,
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
import { tuneListener } from './tune.ts';

/** Accepts under way at one time, so that a burst is taken in few turns. */
const acceptsMost = 16;
/** Accepting pauses so long when the machine has no descriptors or memory left. */
const exhaustedPauseMs = 100;

/** One listening socket and what its clients are to be given. */
export class UringListener implements RelayListener {
  readonly spec: ListenSpec;
  readonly #core: UringCore;
  readonly #fd: number;
  /** The local end of all its clients; undefined when it listens on all addresses. */
  readonly #local: Endpoint | undefined;
  readonly #rows = new Set<number>();
  #current: ListenSpec;
  #accepts = 0;
  #isPaused = false;
  #isStopped = false;
  #closing: Promise<void> | undefined;

  private constructor(core: UringCore, fd: number, spec: ListenSpec) {
    this.#core = core;
    this.#fd = fd;
    this.spec = spec;
    this.#current = spec;
    this.#local = addressKind(spec.endpoint.host) === 'wildcard' ? undefined : spec.endpoint;
    core.listeners.add(this);
    core.refresh();
    // Accepting begins with the next batch.
    core.machine.loop.flush();
  }

  /** Throws HEADGATE_RELAY_PORT_TAKEN, _ADDRESS_NOT_LOCAL, _PORT_FORBIDDEN, _LISTEN_FAILED. */
  static listen(core: UringCore, spec: ListenSpec): UringListener {
    let fd: number | undefined;
    try {
      fd = listeningSocket(spec);
      tuneListener(fd, spec.settings);
      const { port } = localEndpoint(fd);
      return new UringListener(core, fd, { ...spec, endpoint: { ...spec.endpoint, port } });
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      throw listenFailure(spec, error);
    }
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
    const { machine, acceptRows, listeners } = this.#core;
    const most = Math.max(1, Math.min(acceptsMost, Math.floor(acceptRows / listeners.size)));
    while (this.#rows.size < most) {
      const row = this.#core.takeRow(this);
      // None is free for the moment: those of ended connections follow.
      if (row === -1) return;
      this.#rows.add(row);
      machine.rowMemory.u32[machine.offset(row, rowAt.peerLength) / 4] = sockaddrBytesMost;
      const sqe = machine.request(kinds.accept, row);
      const peerAt = machine.at(row, rowAt.peer);
      prepareAcceptDirect(sqe, this.#fd, 2 * row, peerAt, machine.at(row, rowAt.peerLength));
    }
  }

  /** An accept is done: 0, for the slot was given, or an errno. */
  accepted(row: number, result: number): void {
    this.#rows.delete(row);
    if (result < 0) {
      this.#acceptFailed(row, -result);
      return;
    }
    this.#accepts++;
    if (this.#core.isClosed) {
      this.#refuse(row);
      return;
    }
    const { stats, limit, isShortOfDescriptors } = this.#core;
    if (stats.connections >= limit) {
      stats.refusedFull++;
      this.#refuse(row);
    } else if (isShortOfDescriptors) {
      stats.descriptorsExhausted++;
      this.#refuse(row);
    } else if (this.#local === undefined) {
      // Only a plain descriptor can be asked for its local end.
      prepareInstall(this.#core.machine.request(kinds.install, row), 2 * row);
    } else {
      this.#open(row, this.#local);
    }
  }

  /** The client of a row has got a plain descriptor as well. */
  installed(row: number, result: number): void {
    if (result < 0) {
      this.#core.stats.descriptorsExhausted++;
      this.#refuse(row);
      return;
    }
    try {
      if (this.#core.isClosed) this.#refuse(row);
      else this.#open(row, localEndpoint(result));
    } finally {
      closeSync(result);
    }
  }

  #open(row: number, local: Endpoint): void {
    const { machine, stats } = this.#core;
    const source = decodeSockaddr(machine.rowMemory.u8, machine.offset(row, rowAt.peer));
    if (source === undefined) {
      this.#refuse(row);
      return;
    }
    const admission = admit(this.#current, source.host);
    if (admission === undefined) {
      stats.refusedPeer++;
      this.#refuse(row);
      return;
    }
    const opening = new UringOpening(this.#core, admission, row, source, local);
    this.#core.open(row, opening, admission.settings);
    opening.start();
  }

  /** The client gets RST; nothing of it remains. */
  #refuse(row: number): void {
    this.#core.machine.closeSocket(row, 2 * row, true);
    this.#core.releaseRow(row);
  }

  #acceptFailed(row: number, errno: number): void {
    this.#core.releaseRow(row);
    if (errno === ECANCELED) return;
    const code = errnoName(errno);
    // Any other failure concerns one client, whom the kernel has told.
    if (!isExhaustion(Object.assign(new Error(code), { code }))) return;
    this.#core.stats.descriptorsExhausted++;
    if (this.#isPaused) return;
    this.#isPaused = true;
    const goOn = (): void => {
      this.#isPaused = false;
      this.#core.machine.loop.flush();
    };
    this.#core.clock.after(exhaustedPauseMs, goOn, true);
  }

  /** Waits until what is in the accept queue now has been accepted: the kernel resets what it finds there at the end. */
  async #drain(): Promise<void> {
    const waiting = this.#queued();
    const enough = this.#accepts + waiting;
    for (let turns = 2 * waiting; turns > 0 && this.#accepts < enough && this.#queued() > 0; turns--) {
      this.#core.machine.loop.flush();
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
    const { machine, listeners } = this.#core;
    for (const row of this.#rows) {
      const high = packHigh(machine.table.generation(row));
      prepareCancel(machine.order(row), packLow(kinds.accept, row), high).skipSuccess();
    }
    machine.ring.wait(0);
    closeSync(this.#fd);
    listeners.delete(this);
    this.#core.refresh();
    machine.loop.flush();
  }
}
