import {
  IPPROTO_TCP,
  setSocketOption,
  SO_KEEPALIVE,
  SOL_SOCKET,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
  TCP_USER_TIMEOUT,
} from '../../linux/index.ts';
import { keepaliveIdleMs } from '../keepalive.ts';
import type { RelaySettings } from '../types.ts';
import { rowAt, type Machine } from './machine.ts';

const keepaliveProbes = 10;
const keepaliveIntervalSeconds = 1;

/** TCP_KEEPIDLE; 0: no keepalive. */
function idleSecondsOf(settings: RelaySettings): number {
  return keepaliveIdleMs(settings) / 1_000;
}

/** Sets a listening socket up, whose options its clients inherit, each when its handshake ends. */
export function tuneListener(fd: number, settings: RelaySettings): void {
  const idleSeconds = idleSecondsOf(settings);
  setSocketOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  setSocketOption(fd, SOL_SOCKET, SO_KEEPALIVE, idleSeconds > 0 ? 1 : 0);
  if (idleSeconds > 0) {
    setSocketOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, idleSeconds);
    setSocketOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, keepaliveIntervalSeconds);
    setSocketOption(fd, IPPROTO_TCP, TCP_KEEPCNT, keepaliveProbes);
  }
  setSocketOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, Math.max(0, settings.userTimeoutMs));
}

/** What the connected destination of a row needs at once. */
export function hastenDestination(machine: Machine, row: number): void {
  machine.setOption(row, 2 * row + 1, IPPROTO_TCP, TCP_NODELAY, machine.oneAt);
}

/** What it needs when it stays: the time limits of the settings. */
export function tuneDestination(machine: Machine, row: number, settings: RelaySettings): void {
  const socket = 2 * row + 1;
  const idleSeconds = idleSecondsOf(settings);
  if (idleSeconds > 0) {
    machine.rowMemory.u32[machine.offset(row, rowAt.idleSeconds) / 4] = idleSeconds;
    const idleAt = machine.at(row, rowAt.idleSeconds);
    machine.setOption(row, socket, IPPROTO_TCP, TCP_KEEPIDLE, idleAt);
    machine.setOption(row, socket, IPPROTO_TCP, TCP_KEEPINTVL, machine.oneAt);
    machine.setOption(row, socket, IPPROTO_TCP, TCP_KEEPCNT, machine.probesAt);
    machine.setOption(row, socket, SOL_SOCKET, SO_KEEPALIVE, machine.oneAt);
  }
  if (settings.userTimeoutMs <= 0) return;
  machine.rowMemory.u32[machine.offset(row, rowAt.userTimeout) / 4] = settings.userTimeoutMs;
  machine.setOption(row, socket, IPPROTO_TCP, TCP_USER_TIMEOUT, machine.at(row, rowAt.userTimeout));
}
