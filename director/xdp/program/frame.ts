/**
 * Registers and stack that all parts of the program share.
 *
 * - R6 context, R7 first byte of the packet; R8 end of the packet, then the service's value; R9 the flow's entry,
 *   then the balancer.
 * - The stack, from the frame pointer down:
 *
 * ```
 *  -24  20  flow key
 *   -4   4  index for lookups in arrays
 *  -48  20  service key
 *  -72   8  bytes of the frame as it came
 *  -80   4  index of the balancer
 *  -84   4  forward counter times 8
 *  -88   4  mode
 *  -92   4  bytes of the IP packet
 *  -96   4  whether the flow's entry is a confirmed one
 * -100   4  plane counter of a reply; TOS of a tunnel packet
 * -104   4  MTU of a too-big message
 * -108   4  bytes of the longest IP packet on the wire (tcx)
 * -120   8  what changed outside of the pseudo header (tcx)
 * -144  24  flow, to be written
 * ```
 */
export const Stack = {
  FlowKey: -24,
  Index: -4,
  ServiceKey: -48,
  FrameBytes: -72,
  Balancer: -80,
  Forward: -84,
  Mode: -88,
  IpBytes: -92,
  Confirmed: -96,
  Reason: -100,
  Tos: -100,
  Mtu: -104,
  SegmentBytes: -108,
  RestDiff: -120,
  Flow: -144,
} as const;
