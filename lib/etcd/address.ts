/** `etcd://h1:2379,h2:2379/headgate/chat`: where a value is in etcd. */
import { formatEndpoint, parseEndpoint, type Endpoint } from '../address/index.ts';
import { HeadgateError } from '../errors/index.ts';

export interface EtcdAddress {
  /** `etcds://`: TLS. */
  readonly tls: boolean;
  readonly endpoints: readonly Endpoint[];
  /** With its leading slash. */
  readonly key: string;
  /** From `user@`; the password never stands here. */
  readonly user: string | undefined;
}

/** Port of etcd's clients (IANA etcd-client). */
const defaultPort = 2_379;
const mostEndpoints = 32;
const longestKey = 512;

/** Whether a text is meant as an address in etcd, right or wrong. */
export function isEtcdAddress(text: string): boolean {
  return /^etcds?:\/\//i.test(text);
}

/** Throws HEADGATE_ETCD_ADDRESS, with nothing of a password that was written into the address. */
export function parseEtcdAddress(text: string): EtcdAddress {
  const groups = /^(?<scheme>etcds?):\/\/(?:(?<login>.*)@)?(?<hosts>[^/@]*)(?<key>\/.*)?$/i.exec(
    text,
  )?.groups;
  const { scheme, login, hosts, key } = (groups ?? {}) as Partial<
    Record<'scheme' | 'login' | 'hosts' | 'key', string>
  >;
  if (login?.includes(':') === true) {
    throw new HeadgateError('HEADGATE_ETCD_ADDRESS', 'the address of etcd holds a password', {
      cure: 'leave it out (addresses are shown and logged) and set HEADGATE_ETCD_PASSWORD_FILE or HEADGATE_ETCD_PASSWORD',
    });
  }
  if (login !== undefined && !/^[\w.@-]{1,64}$/.test(login)) throw wrong('the user is not a plain word');
  if (key === undefined || !/^\/[\w./-]*[\w.-]$/.test(key) || key.length > longestKey)
    throw wrong('the key must be a path such as /headgate/chat');
  const endpoints = (hosts ?? '').split(',').map(endpointOf);
  if (endpoints.length > mostEndpoints) throw wrong(`there are more than ${mostEndpoints} endpoints`);
  return { tls: scheme?.toLowerCase() === 'etcds', endpoints, key, user: login };
}

/** The address as people write it, without the user. */
export function formatEtcdAddress({ tls, endpoints, key }: EtcdAddress): string {
  return `${tls ? 'etcds' : 'etcd'}://${endpoints.map(formatEndpoint).join(',')}${key}`;
}

function endpointOf(text: string): Endpoint {
  const literal = parseEndpoint(text) ?? parseEndpoint(`${text}:${defaultPort}`);
  if (literal !== undefined) return literal;
  // Unlike elsewhere a name will do: it is resolved at each connection.
  const { host, port } = (/^(?<host>[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?)(?::(?<port>\d{1,5}))?$/i.exec(
    text,
  )?.groups ?? {}) as Partial<Record<'host' | 'port', string>>;
  const number = port === undefined ? defaultPort : Number(port);
  if (host === undefined || number < 1 || number > 65_535)
    throw wrong(`${JSON.stringify(text)} is not HOST:PORT`);
  return { host, port: number };
}

function wrong(why: string): HeadgateError {
  return new HeadgateError('HEADGATE_ETCD_ADDRESS', `the address of etcd: ${why}`);
}
