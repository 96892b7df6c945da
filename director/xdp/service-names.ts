import { formatEndpoint, parseEndpoint, type Endpoint } from '../../lib/address/index.ts';

/** A service as its index remembers it. Flows know the VIP, so that is its identity; the name may change. */
export interface ServiceName {
  readonly name: string;
  readonly listen: Endpoint;
}

export function serviceNameText({ name, listen }: ServiceName): string {
  return `${name} ${formatEndpoint(listen)}`;
}

/** Undefined for a text that is none. */
export function parseServiceName(text: string): ServiceName | undefined {
  const [name = '', endpoint = '', ...rest] = text.split(' ');
  const listen = parseEndpoint(endpoint);
  return listen === undefined || name === '' || rest.length > 0 ? undefined : { name, listen };
}

/** Whether two texts name the same VIP. */
export function sameVip(one: string, other: string): boolean {
  return one.split(' ')[1] === other.split(' ')[1];
}
