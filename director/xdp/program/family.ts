import {
  EtherType,
  ethernetLayout,
  icmpLayout,
  IcmpType,
  Icmpv6Type,
  IpProtocol,
  ipv4Layout,
  ipv6Layout,
  tcpLayout,
} from '../../../lib/packet/index.ts';
import type { Form } from './form.ts';

/** What differs between IPv4 and IPv6; the code of a path is made once for each. Offsets in the frame. */
export interface Family {
  /** Of the whole program. */
  readonly form: Form;
  readonly name: 'v4' | 'v6';
  readonly version: 4 | 6;
  readonly etherType: number;
  /** Bytes of the IP header. */
  readonly ipBytes: number;
  /** Bytes of an address. */
  readonly addressBytes: 4 | 16;
  readonly source: number;
  readonly destination: number;
  /** Of the header's own checksum; undefined when it has none. */
  readonly checksum: number | undefined;
  /** Where TCP or ICMP begins. */
  readonly at: number;
  /** Bytes of a frame with headers of Ethernet, IP and TCP. */
  readonly tcpFrameBytes: number;
  readonly icmpFrameBytes: number;
  readonly icmp: {
    readonly protocol: number;
    readonly echo: number;
    readonly echoReply: number;
    readonly errors: readonly number[];
    readonly tooBig: number;
    readonly tooBigCode: number;
  };
  /** Protocol number of this family inside of a tunnel. */
  readonly innerProtocol: number;
}

export const ipAt = ethernetLayout.size;

const families: readonly Omit<Family, 'form'>[] = [
  {
    name: 'v4',
    version: 4,
    etherType: EtherType.Ipv4,
    ipBytes: ipv4Layout.size,
    addressBytes: 4,
    source: ipAt + ipv4Layout.offsetOf('source'),
    destination: ipAt + ipv4Layout.offsetOf('destination'),
    checksum: ipAt + ipv4Layout.offsetOf('checksum'),
    at: ipAt + ipv4Layout.size,
    tcpFrameBytes: ipAt + ipv4Layout.size + tcpLayout.size,
    icmpFrameBytes: ipAt + ipv4Layout.size + icmpLayout.size,
    icmp: {
      protocol: IpProtocol.Icmp,
      echo: IcmpType.Echo,
      echoReply: IcmpType.EchoReply,
      errors: [IcmpType.Unreachable, IcmpType.TimeExceeded, IcmpType.ParameterProblem],
      tooBig: IcmpType.Unreachable,
      // "Fragmentation needed" (RFC 792).
      tooBigCode: 4,
    },
    innerProtocol: IpProtocol.Ipv4,
  },
  {
    name: 'v6',
    version: 6,
    etherType: EtherType.Ipv6,
    ipBytes: ipv6Layout.size,
    addressBytes: 16,
    source: ipAt + ipv6Layout.offsetOf('source'),
    destination: ipAt + ipv6Layout.offsetOf('destination'),
    checksum: undefined,
    at: ipAt + ipv6Layout.size,
    tcpFrameBytes: ipAt + ipv6Layout.size + tcpLayout.size,
    icmpFrameBytes: ipAt + ipv6Layout.size + icmpLayout.size,
    icmp: {
      protocol: IpProtocol.Icmpv6,
      echo: Icmpv6Type.Echo,
      echoReply: Icmpv6Type.EchoReply,
      errors: [
        Icmpv6Type.Unreachable,
        Icmpv6Type.PacketTooBig,
        Icmpv6Type.TimeExceeded,
        Icmpv6Type.ParameterProblem,
      ],
      tooBig: Icmpv6Type.PacketTooBig,
      tooBigCode: 0,
    },
    innerProtocol: IpProtocol.Ipv6,
  },
];

/** Both families of a program of this form. */
export function familiesOf(form: Form): readonly Family[] {
  return families.map((family) => ({ ...family, form }));
}
