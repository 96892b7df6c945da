/** The cluster secret: 32 random bytes in a file of mode 0600 or an environment variable. Its text is never logged. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, open, unlink } from 'node:fs/promises';
import { errnoCode, HeadgateError } from '../lib/errors/index.ts';
import { writeTopologyFile } from './edit/replace-file.ts';
import type { SecretSource } from './types.ts';

/** Bytes of a new secret. */
const newSecretBytes = 32;
/** Fewest bytes of a secret: the strength of AES-128. */
const fewestBytes = 16;
/** 16 random bytes have fewer than 8 different values once in about 10^8 secrets; typed-in ones mostly have. */
const fewestDistinct = 8;
/** A secret is one short line. */
const longestText = 1_024;

/** The text of a new secret: 64 hexadecimal digits and a line break. `random` returns that many random bytes. */
export function newSecretText(random: (bytes: number) => Buffer = randomBytes): string {
  return `${random(newSecretBytes).toString('hex')}\n`;
}

/**
 * The cluster secret, at least 16 bytes, and during its change a second one: `next` will be presented, `previous` was.
 * In a file or variable the two stand one after the other, with that word between: `OLD next NEW`, `NEW previous OLD`.
 */
export interface ClusterSecrets {
  readonly presented: Uint8Array;
  readonly next?: Uint8Array;
  readonly previous?: Uint8Array;
}

/** As readSecrets; only the secret that is presented. */
export async function readSecret(
  source: SecretSource,
  env: Readonly<NodeJS.ProcessEnv>,
): Promise<Uint8Array> {
  return (await readSecrets(source, env)).presented;
}

/** The text of a key file that holds these. */
export function secretsText({ presented, next, previous }: ClusterSecrets): string {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return [hex(presented), next && `next ${hex(next)}`, previous && `previous ${hex(previous)}`, '']
    .filter((line) => line !== undefined)
    .join('\n');
}

/**
 * Puts secrets into a key file, whole or not at all, with the mode and owner it has. Throws
 * HEADGATE_TOPOLOGY_SECRET_UNWRITABLE.
 */
export async function writeSecrets(file: string, secrets: ClusterSecrets): Promise<void> {
  const text = secretsText(secrets);
  try {
    const before = await readKeyFile(file);
    if (before !== text) await writeTopologyFile(file, before, text);
  } catch (cause) {
    const message = `cannot change key file ${file}`;
    throw new HeadgateError('HEADGATE_TOPOLOGY_SECRET_UNWRITABLE', message, { cause });
  }
}

/**
 * The secrets in a place. Throws HEADGATE_TOPOLOGY_SECRET_MISSING, _EXPOSED (the file may be
 * read by others), _UNREADABLE or _WEAK, each with its cure and none with a piece of the secret.
 */
export async function readSecrets(
  source: SecretSource,
  env: Readonly<NodeJS.ProcessEnv>,
): Promise<ClusterSecrets> {
  if ('file' in source) return decodeAll(await readKeyFile(source.file), source.file);
  const text = env[source.env];
  if (text === undefined || text === '') {
    const message = `the environment variable ${source.env}, which holds the cluster secret, is not set`;
    const cure = `set ${source.env}; headgate topology new-secret prints a new secret`;
    throw new HeadgateError('HEADGATE_TOPOLOGY_SECRET_MISSING', message, { cure });
  }
  return decodeAll(text, `environment variable ${source.env}`);
}

async function readKeyFile(file: string): Promise<string> {
  try {
    // Not blocking: opening a named pipe would wait for a writer.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { mode, size } = await handle.stat();
      if ((mode & constants.S_IFMT) !== constants.S_IFREG) {
        throw new HeadgateError('HEADGATE_TOPOLOGY_SECRET_UNREADABLE', `key file ${file} is not a file`);
      }
      if ((mode & 0o077) !== 0) {
        const message = `key file ${file} is open to others than its owner (mode 0${(mode & 0o777).toString(8)})`;
        throw new HeadgateError('HEADGATE_TOPOLOGY_SECRET_EXPOSED', message, { cure: `chmod 600 ${file}` });
      }
      if (size > longestText) throw weak(file, `longer than ${longestText} bytes`);
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof HeadgateError) throw error;
    if (errnoCode(error) === 'ENOENT') {
      const cure = `copy it from another host of the cluster, or make one: headgate topology new-secret ${file}`;
      throw new HeadgateError('HEADGATE_TOPOLOGY_SECRET_MISSING', `there is no key file ${file}`, { cure });
    }
    throw new HeadgateError('HEADGATE_TOPOLOGY_SECRET_UNREADABLE', `cannot read key file ${file}`, {
      cause: error,
    });
  }
}

function weak(what: string, why: string): HeadgateError {
  return new HeadgateError('HEADGATE_TOPOLOGY_SECRET_WEAK', `the cluster secret in ${what} is ${why}`);
}

function decodeAll(text: string, what: string): ClusterSecrets {
  const [first = '', role, second, ...more] = text.trim().split(/[\s,]+/);
  const presented = decode(first, what);
  if (role === undefined) return { presented };
  if ((role !== 'next' && role !== 'previous') || second === undefined || more.length > 0)
    throw weak(what, 'more than one word, and not SECRET next SECRET or SECRET previous SECRET');
  const other = decode(second, what);
  // Twice the same is one.
  if (Buffer.from(other).equals(presented)) return { presented };
  return role === 'next' ? { presented, next: other } : { presented, previous: other };
}

function decode(word: string, what: string): Uint8Array {
  let bytes: Buffer;
  // Hexadecimal text is base64 text too: the narrower form wins.
  if (/^(?:[0-9a-fA-F]{2})+$/.test(word)) bytes = Buffer.from(word, 'hex');
  else if (/^[A-Za-z0-9+/_-]+={0,2}$/.test(word)) bytes = Buffer.from(word, 'base64');
  else throw weak(what, 'neither hexadecimal nor base64 text');
  if (bytes.length < fewestBytes) throw weak(what, `shorter than ${fewestBytes} bytes`);
  if (new Set(bytes).size < fewestDistinct) throw weak(what, 'not random: a few bytes repeat');
  return bytes;
}

/**
 * Makes a key file of mode 0600 unless there is one; resolves with whether it made it. Of several callers at once
 * exactly one makes it, and nobody ever sees it half written. Throws HEADGATE_TOPOLOGY_SECRET_UNWRITABLE.
 */
export async function createSecretFile(path: string): Promise<boolean> {
  try {
    if (await exists(path)) return false;
    const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
    await writeKeyFile(temporary);
    try {
      // Unlike rename, link fails when the name is taken.
      await link(temporary, path);
    } catch (error) {
      // File systems without hard links: exclusive all the same, only not whole from the first moment on.
      if (!noHardLinks.has(errnoCode(error) ?? '')) throw error;
      await writeKeyFile(path);
    } finally {
      await unlink(temporary);
    }
    return true;
  } catch (error) {
    if (errnoCode(error) === 'EEXIST') return false;
    const message = `cannot make key file ${path}`;
    throw new HeadgateError('HEADGATE_TOPOLOGY_SECRET_UNWRITABLE', message, { cause: error });
  }
}

const noHardLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** Leaves nothing behind when it cannot be written, as on a full disk. */
async function writeKeyFile(path: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    try {
      await handle.writeFile(newSecretText());
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return false;
    throw error;
  }
}
