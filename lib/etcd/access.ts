/** How we prove to etcd who we are. Secrets are read when they are needed and kept nowhere. */
import { readFile, stat } from 'node:fs/promises';
import { HeadgateError } from '../errors/index.ts';

type Env = Readonly<NodeJS.ProcessEnv>;

/** Variables of the environment. */
export const etcdVariables = {
  /** PEM file with the authorities that vouch for etcd; default: those Node knows. */
  ca: 'HEADGATE_ETCD_CA',
  /** PEM files with our certificate and its key. */
  cert: 'HEADGATE_ETCD_CERT',
  key: 'HEADGATE_ETCD_KEY',
  user: 'HEADGATE_ETCD_USER',
  password: 'HEADGATE_ETCD_PASSWORD',
  passwordFile: 'HEADGATE_ETCD_PASSWORD_FILE',
} as const;

export interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface Login {
  readonly name: string;
  readonly password: string;
}

export interface EtcdAccess {
  /** Read anew for each set of connections, so that renewed certificates are found. Throws HEADGATE_ETCD_CREDENTIALS. */
  tls(): Promise<TlsFiles>;
  /** Undefined: no user. Throws HEADGATE_ETCD_CREDENTIALS. */
  login(): Promise<Login | undefined>;
}

/** What the environment says; `user` of the address comes first. */
export function etcdAccess(env: Env, user?: string): EtcdAccess {
  return {
    async tls() {
      const { ca, cert, key } = etcdVariables;
      if ((env[cert] ? 1 : 0) !== (env[key] ? 1 : 0))
        throw new HeadgateError(
          'HEADGATE_ETCD_CREDENTIALS',
          `one of ${cert} and ${key} is set without the other`,
        );
      return {
        ...(env[ca] && { ca: await read(env[ca], ca, false) }),
        ...(env[cert] && { cert: await read(env[cert], cert, false) }),
        ...(env[key] && { key: await read(env[key], key, true) }),
      };
    },
    async login() {
      const name = user ?? env[etcdVariables.user];
      if (!name) return undefined;
      const file = env[etcdVariables.passwordFile];
      const text = file
        ? (await read(file, etcdVariables.passwordFile, true)).toString('utf8').replace(/\r?\n$/, '')
        : env[etcdVariables.password];
      if (!text) {
        throw new HeadgateError(
          'HEADGATE_ETCD_CREDENTIALS',
          `there is no password for the etcd user ${name}`,
          {
            cure: `set ${etcdVariables.passwordFile} to a file of mode 0600, or ${etcdVariables.password}`,
          },
        );
      }
      return { name, password: text };
    },
  };
}

async function read(path: string, variable: string, isSecret: boolean): Promise<Buffer> {
  try {
    if (isSecret && ((await stat(path)).mode & 0o077) !== 0) {
      throw new HeadgateError(
        'HEADGATE_ETCD_CREDENTIALS',
        `${path} (${variable}) is open to others than its owner`,
        {
          cure: `chmod 600 ${path}`,
        },
      );
    }
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof HeadgateError) throw cause;
    throw new HeadgateError('HEADGATE_ETCD_CREDENTIALS', `cannot read ${path} (${variable})`, { cause });
  }
}
