import { FlowState, Mode } from '../../../../director/forward/index.ts';
import { client4, client6, entry } from '../../forward/world.ts';
import {
  Ack,
  clientPort,
  Fin,
  flow4,
  flow6,
  Psh,
  Rst,
  Syn,
  to4,
  to6,
  toBalancer,
  type PacketCase,
} from './case.ts';

const at4 = { client: client4, port: clientPort, service: 0 };
const at6 = { client: client6, port: clientPort, service: 2 };
const fresh = { balancer: 1, generation: 1, state: FlowState.Opening, mode: Mode.Dr, lastAck: 0 };

const syn4 = to4();
const syn6 = to6();
const ack4 = to4({ tcp: { flags: Ack, acknowledgment: 77 } });
const ack6 = to6({ tcp: { flags: Ack, acknowledgment: 77 } });
const data4 = to4({ tcp: { flags: Ack | Psh, acknowledgment: 0xffff_fff0 }, payloadBytes: 100 });
const fin4 = to4({ tcp: { flags: Fin | Ack, acknowledgment: 78 } });
const rst4 = to4({ tcp: { flags: Rst } });
const padded = Uint8Array.from([...syn4, 0, 0, 0, 0, 0, 0]);
const synFin = to4({ tcp: { flags: Syn | Fin } });
const synAck = to4({ tcp: { flags: Syn | Ack, acknowledgment: 5 } });
const fastOpen = to4({ payloadBytes: 20 });
const bare = to4({ tcp: { flags: 0 } });

/** Mode dr: the next hop is another, nothing else changes. */
export const drCases: readonly PacketCase[] = [
  {
    title: 'a SYN over IPv4 goes to the balancer of its slot and makes an evictable entry',
    packet: syn4,
    verdict: 'tx',
    counter: 'forwardNew',
    sent: toBalancer(syn4, 1),
    after: { ...at4, table: 'unconfirmed', entry: fresh },
  },
  {
    title: 'a SYN over IPv6 goes to the balancer of its slot and makes an evictable entry',
    packet: syn6,
    verdict: 'tx',
    counter: 'forwardNew',
    sent: toBalancer(syn6, 1),
    after: { ...at6, table: 'unconfirmed', entry: fresh },
  },
  {
    title: 'the padding of a short frame stays',
    packet: padded,
    verdict: 'tx',
    counter: 'forwardNew',
    sent: toBalancer(padded, 1),
  },
  {
    title: 'a SYN with data (fast open) is a SYN',
    packet: fastOpen,
    verdict: 'tx',
    counter: 'forwardNew',
    sent: toBalancer(fastOpen, 1),
  },
  {
    title: 'an ACK follows the confirmed entry, not the Maglev table, and is noted',
    flows: [flow4('confirmed', entry({ balancer: 3 }))],
    packet: ack4,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(ack4, 3),
    after: {
      ...at4,
      table: 'confirmed',
      entry: { ...fresh, balancer: 3, state: FlowState.Established, lastAck: 77 },
    },
  },
  {
    title: 'an ACK over IPv6 follows its entry',
    flows: [flow6('confirmed', entry({ balancer: 3 }))],
    packet: ack6,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(ack6, 3),
    after: {
      ...at6,
      table: 'confirmed',
      entry: { ...fresh, balancer: 3, state: FlowState.Established, lastAck: 77 },
    },
  },
  {
    title: 'the first ACK turns an opening entry into an established one',
    flows: [flow4('unconfirmed', entry({ state: FlowState.Opening }))],
    packet: ack4,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(ack4, 1),
    after: { ...at4, table: 'unconfirmed', entry: { ...fresh, state: FlowState.Established, lastAck: 77 } },
  },
  {
    title: 'data is forwarded with its bytes, the acknowledgment unsigned',
    flows: [flow4('confirmed', entry())],
    packet: data4,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(data4, 1),
    after: {
      ...at4,
      table: 'confirmed',
      entry: { ...fresh, state: FlowState.Established, lastAck: 0xffff_fff0 },
    },
  },
  {
    title: 'a down balancer keeps its flows',
    flows: [flow4('confirmed', entry({ balancer: 4 }))],
    packet: ack4,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(ack4, 4),
  },
  {
    title: 'FIN makes the entry closing',
    flows: [flow4('confirmed', entry())],
    packet: fin4,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(fin4, 1),
    after: { ...at4, table: 'confirmed', entry: { ...fresh, state: FlowState.Closing, lastAck: 78 } },
  },
  {
    title: 'RST makes the entry closing and keeps the last acknowledgment',
    flows: [flow4('confirmed', entry({ lastAck: 9 }))],
    packet: rst4,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(rst4, 1),
    after: { ...at4, table: 'confirmed', entry: { ...fresh, state: FlowState.Closing, lastAck: 9 } },
  },
  {
    title: 'a half-closed connection goes on after FIN',
    flows: [flow4('confirmed', entry({ balancer: 3, state: FlowState.Closing }))],
    packet: ack4,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(ack4, 3),
    after: {
      ...at4,
      table: 'confirmed',
      entry: { ...fresh, balancer: 3, state: FlowState.Closing, lastAck: 77 },
    },
  },
  {
    title: 'a SYN with a confirmed entry follows it and changes nothing',
    flows: [flow4('confirmed', entry({ balancer: 3, lastAck: 5 }))],
    packet: syn4,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(syn4, 3),
    after: {
      ...at4,
      table: 'confirmed',
      entry: { ...fresh, balancer: 3, state: FlowState.Established, lastAck: 5 },
    },
  },
  {
    title: 'a repeated SYN follows the opening entry',
    flows: [flow4('unconfirmed', entry({ balancer: 3, state: FlowState.Opening }))],
    packet: syn4,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(syn4, 3),
  },
  {
    title: 'a SYN with an unconfirmed closing entry begins anew',
    flows: [flow4('unconfirmed', entry({ balancer: 3, state: FlowState.Closing }))],
    packet: syn4,
    verdict: 'tx',
    counter: 'forwardNew',
    sent: toBalancer(syn4, 1),
    after: { ...at4, table: 'unconfirmed', entry: fresh },
  },
  {
    title: 'a SYN with a confirmed closing entry follows it: RST and SYN may be forged',
    flows: [flow4('confirmed', entry({ balancer: 3, state: FlowState.Closing, lastAck: 5 }))],
    packet: syn4,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(syn4, 3),
    after: {
      ...at4,
      table: 'confirmed',
      entry: { ...fresh, balancer: 3, state: FlowState.Opening, lastAck: 5 },
    },
  },
  {
    title: "a SYN with a dead balancer's closing entry begins anew, and the confirmed entry goes",
    flows: [flow4('confirmed', entry({ balancer: 5, state: FlowState.Closing }))],
    packet: syn4,
    verdict: 'tx',
    counter: 'forwardNew',
    sent: toBalancer(syn4, 1),
    after: { ...at4, table: 'confirmed', entry: undefined },
  },
  {
    title: "a SYN with a dead balancer's entry begins anew",
    flows: [flow4('confirmed', entry({ balancer: 5 }))],
    packet: syn4,
    verdict: 'tx',
    counter: 'forwardNew',
    sent: toBalancer(syn4, 1),
    after: { ...at4, table: 'unconfirmed', entry: fresh },
  },
  {
    title: 'an entry of an earlier life of its index is none',
    flows: [flow4('confirmed', entry({ balancer: 3, generation: 2 }))],
    packet: ack4,
    verdict: 'tx',
    counter: 'forwardStray',
    sent: toBalancer(ack4, 1),
    after: { ...at4, table: 'confirmed', entry: undefined },
  },
  {
    title: 'an entry of an index that is free is none',
    flows: [flow4('confirmed', entry({ balancer: 9 }))],
    packet: syn4,
    verdict: 'tx',
    counter: 'forwardNew',
    sent: toBalancer(syn4, 1),
  },
  {
    title: 'an ACK without an entry follows the Maglev table and makes an evictable entry',
    packet: ack4,
    verdict: 'tx',
    counter: 'forwardStray',
    sent: toBalancer(ack4, 1),
    after: { ...at4, table: 'unconfirmed', entry: { ...fresh, state: FlowState.Established, lastAck: 77 } },
  },
  {
    title: 'a FIN without an entry makes a closing one',
    packet: fin4,
    verdict: 'tx',
    counter: 'forwardStray',
    sent: toBalancer(fin4, 1),
    after: { ...at4, table: 'unconfirmed', entry: { ...fresh, state: FlowState.Closing, lastAck: 78 } },
  },
  {
    title: 'SYN with FIN begins nothing',
    packet: synFin,
    verdict: 'tx',
    counter: 'forwardStray',
    sent: toBalancer(synFin, 1),
  },
  {
    title: 'SYN with ACK begins nothing',
    packet: synAck,
    verdict: 'tx',
    counter: 'forwardStray',
    sent: toBalancer(synAck, 1),
  },
  {
    title: 'a segment without any flag begins nothing and opens nothing',
    packet: bare,
    verdict: 'tx',
    counter: 'forwardStray',
    sent: toBalancer(bare, 1),
    after: { ...at4, table: 'unconfirmed', entry: fresh },
  },
  {
    title: 'a balancer whose MAC address is not known gets nothing',
    flows: [flow4('confirmed', entry({ balancer: 6 }))],
    packet: ack4,
    verdict: 'drop',
    counter: 'dropInternal',
  },
];
