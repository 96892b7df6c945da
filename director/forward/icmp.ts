/**
 * ICMP for a VIP: echo is answered, errors about a flow go to its balancer, anything else passes. Other ICMP passes too,
 * but for errors about flows in mode nat that go to their clients.
 */
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
import { answerAs, natFlow } from './answer.ts';
import { ipAt, type IcmpMessage } from './classify.ts';
import { translateError } from './nat.ts';
import { BalancerState, Mode, ownTtl } from './numbers.ts';
import { drop, pass, send, type Outcome } from './outcome.ts';
import { isProxied, ownerOf, pick } from './pick.ts';
import { rewrite } from './rewrite.ts';
import { flowKey, keyText, serviceKey, type ForwardState } from './state.ts';

/** Types that speak of a connection, by IP version. */
const errorTypes: Readonly<Record<4 | 6, readonly number[]>> = {
  4: [IcmpType.Unreachable, IcmpType.TimeExceeded, IcmpType.ParameterProblem],
  6: [Icmpv6Type.Unreachable, Icmpv6Type.PacketTooBig, Icmpv6Type.TimeExceeded, Icmpv6Type.ParameterProblem],
};

/** Bytes of the quoted TCP header that an error has at least (RFC 792): both ports and the sequence number. */
const quotedTcpBytes = 8;

export function forwardIcmp(frame: Uint8Array, message: IcmpMessage, state: ForwardState): Outcome {
  const { type, code } = icmpLayout.read(frame, message.at);
  const isError = errorTypes[message.family].includes(type);
  if (!message.forVip) return isError ? answerError(frame, message, state) : pass(frame, 'passOther');
  const echo = message.family === 4 ? IcmpType.Echo : Icmpv6Type.Echo;
  if (type === echo && code === 0) return send(answerEcho(frame, message), 'echo');
  if (!isError) return pass(frame, 'passOther');
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

function forwardError(frame: Uint8Array, message: IcmpMessage, state: ForwardState): Outcome {
  const quoted = readQuoted(frame, message);
  if (quoted === undefined) return pass(frame, 'passOther');
  const { destination: client, destinationPort: port } = quoted;
  const service = state.services.get(keyText(serviceKey(quoted.source, quoted.sourcePort)));
  if (service === undefined) return pass(frame, 'passOther');
  const key = keyText(flowKey(client, port, service.index));
  const entry = state.flows.confirmed.get(key) ?? state.flows.unconfirmed.get(key);
  const owner = entry === undefined ? undefined : ownerOf(state, entry);
  const unowned = entry !== undefined && isProxied(entry) ? Mode.Proxy : service.mode;
  if (owner === undefined && unowned === Mode.Proxy) return pass(frame, 'passProxy');
  const picked = owner ?? pick(state, service, client, port);
  if (picked === undefined) return drop(frame, 'dropNoBalancer');
  if (picked.balancer.state === BalancerState.Dead) return drop(frame, 'dropDead');
  const mode = owner === undefined || entry === undefined ? service.mode : entry.mode;
  const rewritten = rewrite(frame, message, mode, service.index, picked, state);
  // An error is never answered with an error (RFC 1122 3.2.2).
  if (rewritten.kind !== 'packet') return drop(frame, 'dropInternal');
  const to = { service: service.index, balancer: picked.index };
  return { ...send(rewritten.packet, 'forwardIcmp'), to };
}

/** An error about a packet from a client to an endpoint. */
function answerError(frame: Uint8Array, message: IcmpMessage, state: ForwardState): Outcome {
  const quoted = readQuoted(frame, message);
  if (quoted === undefined) return pass(frame, 'passOther');
  const { source: client, sourcePort: port, destination, destinationPort } = quoted;
  const endpoint = state.origins.get(keyText(serviceKey(destination, destinationPort)));
  if (endpoint === undefined) return pass(frame, 'passOther');
  const flow = natFlow(state, flowKey(client, port, endpoint.service), endpoint);
  if (flow === undefined) return pass(frame, 'passNoFlow');
  return answerAs(frame, flow, endpoint, state, () =>
    translateError(frame, message, 'source', { address: endpoint.vip, port: endpoint.vipPort }),
  );
}

/** Both ends of the packet an error quotes. */
interface Quoted {
  readonly source: Uint8Array;
  readonly sourcePort: number;
  readonly destination: Uint8Array;
  readonly destinationPort: number;
}

/** The quoted packet, when it is TCP without options from the one that the error was sent to. */
function readQuoted(frame: Uint8Array, message: IcmpMessage): Quoted | undefined {
  const { family, at, ipLength } = message;
  const innerAt = at + icmpLayout.size;
  const headerBytes = family === 4 ? ipv4Layout.size : ipv6Layout.size;
  const tcpAt = innerAt + headerBytes;
  if (tcpAt + quotedTcpBytes > ipAt + ipLength) return undefined;
  const inner = family === 4 ? quotedIpv4(frame, innerAt) : quotedIpv6(frame, innerAt);
  if (inner === undefined || keyText(inner.source) !== keyText(message.destination)) return undefined;
  const { source, destination } = inner;
  const ports = new DataView(frame.buffer, frame.byteOffset + tcpAt, 4);
  return { source, sourcePort: ports.getUint16(0), destination, destinationPort: ports.getUint16(2) };
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
