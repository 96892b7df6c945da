/** Ports that stand for clients, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Below Linux's usual net.ipv4.ip_local_port_range (32,768 to 60,999), so that the kernel takes none of them for connections
 * of its own. Each costs one descriptor per address, taken when it is needed first.
 */
export const defaultSourcePorts: PortRange = { first: 24_000, last: 31_999 };

/** Most flows at one time: each port stands for one flow towards each balancer's endpoint. */
export function rawCapacity({ first, last }: PortRange, endpoints: number, tableFlows: number): number {
  return Math.min((last - first + 1) * endpoints, tableFlows);
}
