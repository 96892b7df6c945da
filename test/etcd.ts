/** A real etcd on loopback: one member or several, plain or with TLS, ended with the test. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Endpoint } from '../lib/address/index.ts';
import type { LoopbackBlock } from './loopback-block.ts';
import { outputOf, startProgram, type Program, type Teardown } from './processes.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';

/** Why there is no etcd for tests; undefined: there is. */
export function probeEtcd(): string | undefined {
  return existsSync('/usr/bin/etcd') ? undefined : 'no etcd: sudo npm run test:deps';
}

export interface TestEtcd {
  readonly endpoints: readonly Endpoint[];
  /** `h1:2379,h2:2379`. */
  readonly hosts: string;
  member(index: number): Program;
  kill(index: number): Promise<void>;
  restart(index: number): Promise<void>;
  /** One request to the JSON gateway, past the client under test. */
  ask(path: string, body: object, token?: string): Promise<Readonly<Record<string, unknown>>>;
  put(key: string, value: string): Promise<void>;
  compact(): Promise<void>;
}

export interface TestEtcdOptions {
  readonly members?: number;
  /** Folder with ca.pem, server.pem and server.key; clients must then come with a certificate. */
  readonly certificates?: string;
}

export async function startEtcd(
  t: Teardown,
  block: LoopbackBlock,
  { members = 1, certificates }: TestEtcdOptions = {},
): Promise<TestEtcd> {
  const folder = await temporaryFolder(t);
  const hosts = Array.from({ length: members }, (_, index) => block.address(101 + index));
  const scheme = certificates === undefined ? 'http' : 'https';
  const client = (index: number): string => `${scheme}://${hosts[index]}:2379`;
  const peer = (index: number): string => `http://${hosts[index]}:2380`;
  const tls = (): readonly string[] =>
    certificates === undefined
      ? []
      : [
          `--cert-file=${path.join(certificates, 'server.pem')}`,
          `--key-file=${path.join(certificates, 'server.key')}`,
          `--trusted-ca-file=${path.join(certificates, 'ca.pem')}`,
          '--client-cert-auth',
        ];
  const programs: Program[] = [];
  const begin = async (index: number): Promise<void> => {
    programs[index] = await startProgram(
      t,
      [
        '/usr/bin/etcd',
        `--name=m${index}`,
        `--data-dir=${path.join(folder, `m${index}`)}`,
        `--listen-client-urls=${client(index)}`,
        `--advertise-client-urls=${client(index)}`,
        `--listen-peer-urls=${peer(index)}`,
        `--initial-advertise-peer-urls=${peer(index)}`,
        `--initial-cluster=${hosts.map((_, each) => `m${each}=${peer(each)}`).join(',')}`,
        '--heartbeat-interval=50',
        '--election-timeout=500',
        '--logger=zap',
        '--log-level=error',
        ...tls(),
      ],
      {},
    );
  };
  await Promise.all(hosts.map((_, index) => begin(index)));
  const etcd: TestEtcd = {
    endpoints: hosts.map((host) => ({ host, port: 2_379 })),
    hosts: hosts.map((host) => `${host}:2379`).join(','),
    member: (index) => programs[index]!,
    async kill(index) {
      programs[index]!.signal('SIGKILL');
      await programs[index]!.exited;
    },
    restart: begin,
    async ask(where, body, token) {
      const failures: unknown[] = [];
      for (const index of hosts.keys()) {
        try {
          const response = await fetch(`${client(index)}${where}`, {
            method: 'POST',
            body: JSON.stringify(body),
            ...(token !== undefined && { headers: { authorization: token } }),
          });
          const answer = (await response.json()) as Readonly<Record<string, unknown>>;
          if (!response.ok) throw new Error(`${where}: ${JSON.stringify(answer)}`);
          return answer;
        } catch (error) {
          failures.push(error);
        }
      }
      throw new AggregateError(failures, 'no member answers');
    },
    async put(key, value) {
      await etcd.ask('/v3/kv/put', { key: base64(key), value: base64(value) });
    },
    async compact() {
      const { header } = (await etcd.ask('/v3/kv/range', { key: base64('x') })) as {
        readonly header: { readonly revision: string };
      };
      await etcd.ask('/v3/kv/compaction', { revision: header.revision, physical: true });
    },
  };
  if (certificates === undefined)
    await until(async () => etcd.ask('/v3/kv/range', { key: base64('x') }), 'etcd to answer');
  return etcd;
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** A folder with an authority, a server's and a client's certificate, and one of another authority's client. */
export async function makeCertificates(t: Teardown, host: string): Promise<string> {
  const folder = await temporaryFolder(t, { 'server.ext': `subjectAltName=IP:${host}` });
  const openssl = async (...words: string[]): Promise<void> => {
    await outputOf(['openssl', ...words], { cwd: folder });
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];
  const authority = async (name: string): Promise<void> =>
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-subj',
      `/CN=${name}`,
      '-days',
      '2',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
    );
  const signed = async (name: string, by: string, ...more: string[]): Promise<void> => {
    await openssl('req', ...newKey, '-subj', `/O=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const issuer = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial'];
    await openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...issuer,
      '-days',
      '2',
      '-out',
      `${name}.pem`,
      ...more,
    );
  };
  await Promise.all([authority('ca'), authority('other')]);
  await signed('server', 'ca', '-extfile', 'server.ext');
  await signed('client', 'ca');
  return folder;
}
