import { FlowState } from '../../../../director/forward/index.ts';
import { client4, entry, vip4b } from '../../forward/world.ts';
import {
  Ack,
  back4,
  back6,
  clientPort,
  Fin,
  flow4,
  flow6,
  Rst,
  Syn,
  to4,
  to6,
  type PacketCase,
} from './case.ts';

const dead = entry({ balancer: 5 });
const toEmpty = { ip: { destination: vip4b } };
const ports = { sourcePort: 9000, destinationPort: clientPort, window: 0 };
const fromEmpty = { source: vip4b };

/** Answered with RST, or dropped: nobody is there. */
export const refusedCases: readonly PacketCase[] = [
  {
    title: 'a SYN without an eligible balancer is answered with RST, and no entry is made',
    packet: to4(toEmpty),
    verdict: 'tx',
    counter: 'resetNoBalancer',
    sent: back4({ tcp: { ...ports, flags: Rst | Ack, acknowledgment: 1_001 } }, fromEmpty),
    after: { client: client4, port: clientPort, service: 4, table: 'unconfirmed', entry: undefined },
  },
  {
    title: 'the RST acknowledges the data of a SYN too',
    packet: to4({ ...toEmpty, payloadBytes: 20 }),
    verdict: 'tx',
    counter: 'resetNoBalancer',
    sent: back4({ tcp: { ...ports, flags: Rst | Ack, acknowledgment: 1_021 } }, fromEmpty),
  },
  {
    title: 'the acknowledgment of the RST wraps',
    packet: to4({ ...toEmpty, tcp: { sequence: 0xffff_ffff } }),
    verdict: 'tx',
    counter: 'resetNoBalancer',
    sent: back4({ tcp: { ...ports, flags: Rst | Ack, acknowledgment: 0 } }, fromEmpty),
  },
  {
    title: 'a SYN with TCP options is answered with a RST without',
    packet: to4({ ...toEmpty, tcp: { options: [{ kind: 2, data: Uint8Array.of(5, 0xb4) }] } }),
    verdict: 'tx',
    counter: 'resetNoBalancer',
    sent: back4({ tcp: { ...ports, flags: Rst | Ack, acknowledgment: 1_001 } }, fromEmpty),
  },
  {
    title: 'an ACK without entry and eligible balancer is dropped: its connection may live',
    packet: to4({ ...toEmpty, tcp: { flags: Ack } }),
    verdict: 'drop',
    counter: 'dropNoBalancer',
  },
  {
    title: "a dead balancer's flow is answered with a RST at the number that was acknowledged",
    flows: [flow4('confirmed', dead)],
    packet: to4({ tcp: { flags: Ack, acknowledgment: 0x8000_0001 }, payloadBytes: 30 }),
    verdict: 'tx',
    counter: 'resetDead',
    sent: back4({ tcp: { ...ports, flags: Rst, sequence: 0x8000_0001 } }),
    after: {
      client: client4,
      port: clientPort,
      service: 0,
      table: 'confirmed',
      entry: { balancer: 5, generation: 1, state: FlowState.Established, mode: 1, lastAck: 0 },
    },
  },
  {
    title: "a dead balancer's flow over IPv6 is answered with RST",
    flows: [flow6('confirmed', dead)],
    packet: to6({ tcp: { flags: Ack, acknowledgment: 12_345 } }),
    verdict: 'tx',
    counter: 'resetDead',
    sent: back6({ tcp: { ...ports, flags: Rst, sequence: 12_345 } }),
  },
  {
    title: "the FIN of a dead balancer's unconfirmed flow is answered with RST",
    flows: [flow4('unconfirmed', dead)],
    packet: to4({ tcp: { flags: Fin | Ack, acknowledgment: 8 } }),
    verdict: 'tx',
    counter: 'resetDead',
    sent: back4({ tcp: { ...ports, flags: Rst, sequence: 8 } }),
  },
  {
    title: 'without an acknowledgment the RST acknowledges what came, FIN included',
    flows: [flow4('confirmed', dead)],
    packet: to4({ tcp: { flags: Fin }, payloadBytes: 10 }),
    verdict: 'tx',
    counter: 'resetDead',
    sent: back4({ tcp: { ...ports, flags: Rst | Ack, acknowledgment: 1_011 } }),
  },
  {
    title: 'SYN and ACK to a dead balancer is answered at the number that was acknowledged',
    flows: [flow4('confirmed', dead)],
    packet: to4({ tcp: { flags: Syn | Ack, acknowledgment: 4 } }),
    verdict: 'tx',
    counter: 'resetDead',
    sent: back4({ tcp: { ...ports, flags: Rst, sequence: 4 } }),
  },
  {
    title: 'RST is never answered with RST',
    flows: [flow4('confirmed', dead)],
    packet: to4({ tcp: { flags: Rst } }),
    verdict: 'drop',
    counter: 'dropDead',
  },
];
