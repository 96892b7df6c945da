import { FlowState, Mode, proxyOwner } from '../../../../director/forward/index.ts';
import { client4, entry } from '../../forward/world.ts';
import { Ack, back4, clientPort, Fin, flow4, Rst, to4, to6, toBalancer, type PacketCase } from './case.ts';

const at4 = { client: client4, port: clientPort, service: 5, table: 'unconfirmed' } as const;
const toProxied = (flags: number) => to4({ tcp: { destinationPort: 9002, flags, acknowledgment: 77 } });
const syn4 = to4({ tcp: { destinationPort: 9002 } });
const ack4 = toProxied(Ack);
const opening = { ...proxyOwner, state: FlowState.Opening, lastAck: 0 };
const proxied = entry(proxyOwner);
const synOfDr = to4();
const ackOfDr = to4({ tcp: { flags: Ack, acknowledgment: 77 } });
const refusal = { sourcePort: 9000, destinationPort: clientPort, window: 0, flags: Rst | Ack };

/** Mode proxy: the host's own stack has the connection; and SYNs while nothing new is taken. */
export const proxyCases: readonly PacketCase[] = [
  {
    title: 'a SYN for a proxied service passes and makes an evictable entry',
    packet: syn4,
    verdict: 'pass',
    counter: 'passProxy',
    after: { ...at4, entry: opening },
  },
  {
    title: 'a SYN for a proxied service passes over IPv6',
    packet: to6({ tcp: { destinationPort: 9002 } }),
    verdict: 'pass',
    counter: 'passProxy',
  },
  {
    title: 'an ACK without an entry for a proxied service passes and makes an entry: its socket may be older',
    packet: ack4,
    verdict: 'pass',
    counter: 'passProxy',
    after: { ...at4, entry: { ...opening, state: FlowState.Established, lastAck: 77 } },
  },
  {
    title: 'a proxied flow passes also when its service has turned to dr',
    flows: [flow4('confirmed', proxied)],
    packet: ackOfDr,
    verdict: 'pass',
    counter: 'passProxy',
    after: {
      ...at4,
      service: 0,
      table: 'confirmed',
      entry: { ...opening, state: FlowState.Established, lastAck: 77 },
    },
  },
  {
    title: 'a flow that began with dr stays with dr on a service that turned to proxy',
    flows: [flow4('confirmed', entry({ balancer: 3 }), 5)],
    packet: ack4,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(ack4, 3),
  },
  {
    title: 'a SYN repeated for a proxied flow passes and changes nothing',
    flows: [flow4('unconfirmed', entry({ ...proxyOwner, lastAck: 5 }))],
    packet: synOfDr,
    verdict: 'pass',
    counter: 'passProxy',
    after: { ...at4, service: 0, entry: { ...opening, state: FlowState.Established, lastAck: 5 } },
  },
  {
    title: 'a FIN makes a proxied entry closing',
    flows: [flow4('unconfirmed', proxied, 5)],
    packet: toProxied(Fin | Ack),
    verdict: 'pass',
    counter: 'passProxy',
    after: { ...at4, entry: { ...opening, state: FlowState.Closing, lastAck: 77 } },
  },
  {
    title: 'a SYN with an unconfirmed proxied entry that is closing begins anew, in the mode of today',
    flows: [flow4('unconfirmed', entry({ ...proxyOwner, state: FlowState.Closing }))],
    packet: synOfDr,
    verdict: 'tx',
    counter: 'forwardNew',
    sent: toBalancer(synOfDr, 1),
    after: {
      ...at4,
      service: 0,
      entry: { balancer: 1, generation: 1, mode: Mode.Dr, state: FlowState.Opening, lastAck: 0 },
    },
  },
  {
    title: 'a SYN with a confirmed proxied entry that is closing passes, and opens it again',
    flows: [flow4('confirmed', entry({ ...proxyOwner, state: FlowState.Closing }))],
    packet: synOfDr,
    verdict: 'pass',
    counter: 'passProxy',
    after: { ...at4, service: 0, table: 'confirmed', entry: opening },
  },
  {
    title: 'an entry of mode proxy that names a balancer is not guessed at',
    flows: [flow4('confirmed', entry({ mode: Mode.Proxy }))],
    packet: ackOfDr,
    verdict: 'drop',
    counter: 'dropInternal',
  },
  {
    title: 'while nothing new is taken a SYN is answered with RST',
    refuseNew: true,
    packet: synOfDr,
    verdict: 'tx',
    counter: 'resetFull',
    sent: back4({ tcp: { ...refusal, acknowledgment: 1_001 } }),
    after: { ...at4, service: 0, entry: undefined },
  },
  {
    title: 'while nothing new is taken a SYN of a known flow follows it',
    refuseNew: true,
    flows: [flow4('unconfirmed', entry({ balancer: 3, state: FlowState.Opening }))],
    packet: synOfDr,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(synOfDr, 3),
  },
  {
    title:
      'while nothing new is taken an ACK without an entry still follows the Maglev table: its connection may live',
    refuseNew: true,
    packet: ackOfDr,
    verdict: 'tx',
    counter: 'forwardStray',
    sent: toBalancer(ackOfDr, 1),
  },
  {
    title: 'while nothing new is taken a proxied service goes on: its sockets have limits of their own',
    refuseNew: true,
    packet: syn4,
    verdict: 'pass',
    counter: 'passProxy',
    after: { ...at4, entry: opening },
  },
];
