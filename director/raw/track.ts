/** What a fullnat flow's packets say of it: both directions pass here. Changes the binding, nothing else. */
import { TcpFlag, tcpLayout, type TcpPacket } from '../../lib/packet/index.ts';
import type { Binding } from './bindings.ts';
import { mssOf } from './ends.ts';

export interface Seen {
  /** The client has acknowledged what only it can know: it is no forged address. */
  readonly proven: boolean;
  /** Nothing is to be expected any more but stragglers. */
  readonly ended: boolean;
}

/**
 * How far ahead of the balancer's last acknowledgment a client's RST or FIN may lie: more than a window that anybody has. A
 * blind attacker guesses it once in 4,096 times.
 */
const windowMost = 1 << 20;

export function seeClient(binding: Binding, bytes: Uint8Array, packet: TcpPacket): Seen {
  const { flags, sequence, acknowledgment } = tcpLayout.read(bytes, packet.at);
  const has = (flag: number) => (flags & flag) !== 0;
  if (has(TcpFlag.Syn)) {
    binding.mssToClient = mssOf(bytes, packet);
    return { proven: false, ended: false };
  }
  const { serverFirst, serverNext, serverAck } = binding;
  const proven =
    has(TcpFlag.Ack) && serverFirst !== undefined && within(acknowledgment, serverFirst, serverNext);
  const near = serverAck !== undefined && within(sequence, serverAck, (serverAck + windowMost) >>> 0);
  if (has(TcpFlag.Fin) && near) binding.clientFin = true;
  // So much may be under way: it is believed when the balancer has it.
  else if (has(TcpFlag.Fin)) binding.clientFinAck = (sequence + packet.end - packet.payloadAt + 1) >>> 0;
  const reset = has(TcpFlag.Rst) && (near || !binding.held);
  return { proven, ended: reset || (binding.clientFin && binding.serverFin) };
}

/** Balancers are believed. */
export function seeServer(binding: Binding, bytes: Uint8Array, packet: TcpPacket): Seen {
  const { flags, sequence, acknowledgment } = tcpLayout.read(bytes, packet.at);
  const has = (flag: number) => (flags & flag) !== 0;
  const length = packet.end - packet.payloadAt + Number(has(TcpFlag.Syn)) + Number(has(TcpFlag.Fin));
  const next = (sequence + length) >>> 0;
  if (has(TcpFlag.Syn)) {
    binding.serverFirst = next;
    binding.serverNext = next;
    binding.mssToBalancer = mssOf(bytes, packet);
  } else if (!within(next, (binding.serverNext - 0x7fff_ffff) >>> 0, binding.serverNext)) {
    binding.serverNext = next;
  }
  if (has(TcpFlag.Ack)) {
    binding.serverAck = acknowledgment;
    if (acknowledgment === binding.clientFinAck) binding.clientFin = true;
  }
  if (has(TcpFlag.Fin)) binding.serverFin = true;
  return { proven: false, ended: has(TcpFlag.Rst) || (binding.clientFin && binding.serverFin) };
}

/** Whether a sequence number lies from `first` to `last`, both included; numbers wrap. */
function within(number: number, first: number, last: number): boolean {
  return (number - first) >>> 0 <= (last - first) >>> 0;
}
