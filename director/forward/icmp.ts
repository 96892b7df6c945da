/** ICMP for a VIP: echo is answered, errors about a flow go to its balancer, anything else passes. */
import {
  ethernetLayout,
  icmpLayout,
  IcmpType,
  Icmpv6Type,
  IpProtocol,
  ipv4Layout,
  ipv6Layout,
  updateChecksum,
} from '../../lib/packet/index.ts';
import { ipAt, type IcmpMessage } from './classify.ts';
import { BalancerState, Mode, ownTtl } from './numbers.ts';
import { drop, pass, send, type Outcome } from './outcome.ts';
import { isProxied, ownerOf, pick } from './pick.ts';
import { rewrite } from './rewrite.ts';
import { flowKey, keyText, serviceKey, type ForwardService, type ForwardState } from './state.ts';

/** Types that speak of a connection, by IP version. */
const errorTypes: Readonly<Record<4 | 6, readonly number[]>> = {
  4: [IcmpType.Unreachable, IcmpType.TimeExceeded, IcmpType.ParameterProblem],
  6: [Icmpv6Type.Unreachable, Icmpv6Type.PacketTooBig, Icmpv6Type.TimeExceeded, Icmpv6Type.ParameterProblem],
};

/** Bytes of the quoted TCP header that an error has at least (RFC 792): both ports and the sequence number. */
const quotedTcpBytes = 8;

export function forwardIcmp(frame: Uint8Array, message: IcmpMessage, state: ForwardState): Outcome {
  const { type, code } = icmpLayout.read(frame, message.at);
  const echo = message.family === 4 ? IcmpType.Echo : Icmpv6Type.Echo;
  if (type === echo && code === 0) return send(answerEcho(frame, message), 'echo');
  if (!errorTypes[message.family].includes(type)) return pass(frame, 'passOther');
  return forwardError(frame, message, state);
}

/** Swaps the addresses and turns the request into a reply; a wrong checksum stays as wrong as it was. */
function answerEcho(frame: Uint8Array, { family, at }: IcmpMessage): Uint8Array {
  const reply = frame.slice();
  const link = ethernetLayout.read(frame);
  ethernetLayout.write(reply, { destination: link.source, source: link.destination });
  if (family === 4) {
    const { source, destination, checksum: old, ttl, protocol } = ipv4Layout.read(frame, ipAt);
    const checksum = updateChecksum(old, Uint8Array.of(ttl, protocol), Uint8Array.of(ownTtl, protocol));
    ipv4Layout.write(reply, { source: destination, destination: source, ttl: ownTtl, checksum }, ipAt);
  } else {
    const { source, destination } = ipv6Layout.read(frame, ipAt);
    ipv6Layout.write(reply, { source: destination, destination: source, hopLimit: ownTtl }, ipAt);
  }
  const { type: request, checksum: old } = icmpLayout.read(frame, at);
  const type = family === 4 ? IcmpType.EchoReply : Icmpv6Type.EchoReply;
  const checksum = updateChecksum(old, Uint8Array.of(request, 0), Uint8Array.of(type, 0));
  icmpLayout.write(reply, { type, checksum }, at);
  return reply;
}

/** The flow whose packet an error quotes. */
interface Quoted {
  readonly service: ForwardService;
  readonly client: Uint8Array;
  readonly port: number;
}

function forwardError(frame: Uint8Array, message: IcmpMessage, state: ForwardState): Outcome {
  const quoted = readQuoted(frame, message, state);
  if (quoted === undefined) return pass(frame, 'passOther');
  const { service, client, port } = quoted;
  const key = keyText(flowKey(client, port, service.index));
  const entry = state.flows.confirmed.get(key) ?? state.flows.unconfirmed.get(key);
  const owner = entry === undefined ? undefined : ownerOf(state, entry);
  const unowned = entry !== undefined && isProxied(entry) ? Mode.Proxy : service.mode;
  if (owner === undefined && unowned === Mode.Proxy) return pass(frame, 'passProxy');
  const picked = owner ?? pick(state, service, client, port);
  if (picked === undefined) return drop(frame, 'dropNoBalancer');
  if (picked.balancer.state === BalancerState.Dead) return drop(frame, 'dropDead');
  const mode = owner === undefined || entry === undefined ? service.mode : entry.mode;
  const rewritten = rewrite(frame, message, mode, picked.balancer, state.config);
  // An error is never answered with an error (RFC 1122 3.2.2).
  if (rewritten.kind !== 'packet') return drop(frame, 'dropInternal');
  const to = { service: service.index, balancer: picked.index };
  return { ...send(rewritten.packet, 'forwardIcmp'), to };
}

/** The flow, when the quoted packet is TCP from a service of the VIP the error was sent to, without options. */
function readQuoted(frame: Uint8Array, message: IcmpMessage, state: ForwardState): Quoted | undefined {
  const { family, at, ipLength } = message;
  const innerAt = at + icmpLayout.size;
  const headerBytes = family === 4 ? ipv4Layout.size : ipv6Layout.size;
  const tcpAt = innerAt + headerBytes;
  if (tcpAt + quotedTcpBytes > ipAt + ipLength) return undefined;
  const inner = family === 4 ? quotedIpv4(frame, innerAt) : quotedIpv6(frame, innerAt);
  if (inner === undefined || keyText(inner.source) !== keyText(message.destination)) return undefined;
  const ports = new DataView(frame.buffer, frame.byteOffset + tcpAt, 4);
  const service = state.services.get(keyText(serviceKey(inner.source, ports.getUint16(0))));
  return service === undefined ? undefined : { service, client: inner.destination, port: ports.getUint16(2) };
}

type Addresses = { readonly source: Uint8Array; readonly destination: Uint8Array };

function quotedIpv4(frame: Uint8Array, at: number): Addresses | undefined {
  const ip = ipv4Layout.read(frame, at);
  const plain = ip.versionAndLength === 0x45 && (ip.flagsAndFragment & 0x1fff) === 0;
  return plain && ip.protocol === IpProtocol.Tcp ? ip : undefined;
}

function quotedIpv6(frame: Uint8Array, at: number): Addresses | undefined {
  const ip = ipv6Layout.read(frame, at);
  return ip.versionClassLabel >>> 28 === 6 && ip.nextHeader === IpProtocol.Tcp ? ip : undefined;
}
