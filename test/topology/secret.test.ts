import test from 'ava';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import { createSecretFile, newSecretText, readSecret } from '../../topology/index.ts';
import { temporaryDirectory } from './temporary.ts';

const text = newSecretText((bytes) => Buffer.from(Array.from({ length: bytes }, (_, index) => index * 7)));

async function keyFile(directory: string, content: string, mode = 0o600): Promise<string> {
  const file = join(directory, 'cluster.key');
  await writeFile(file, content);
  await chmod(file, mode);
  return file;
}

test('a key file is made once, whole, with mode 0600', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'cluster.key');
  const made = await Promise.all(Array.from({ length: 8 }, () => createSecretFile(file)));
  t.is(made.filter(Boolean).length, 1);
  t.is((await stat(file)).mode & 0o777, 0o600);
  t.regex(await readFile(file, 'utf8'), /^[0-9a-f]{64}\n$/);
  t.deepEqual(await readdir(directory), ['cluster.key']);
  t.is((await readSecret({ file }, {})).length, 32);
});

test('a key file that exists is never overwritten', async (t) => {
  const file = await keyFile(await temporaryDirectory(t), text);
  t.false(await createSecretFile(file));
  t.is(await readFile(file, 'utf8'), text);
});

test('a key file that cannot be made is told', async (t) => {
  const file = join(await temporaryDirectory(t), 'no', 'cluster.key');
  const error = await t.throwsAsync(createSecretFile(file), { instanceOf: HeadgateError });
  t.is(error.code, 'HEADGATE_TOPOLOGY_SECRET_UNWRITABLE');
});

test('file and environment variable give the same bytes, in hexadecimal and base64', async (t) => {
  const directory = await temporaryDirectory(t);
  const bytes = Buffer.from(text.trim(), 'hex');
  t.deepEqual(Buffer.from(await readSecret({ file: await keyFile(directory, text) }, {})), bytes);
  t.deepEqual(Buffer.from(await readSecret({ env: 'KEY' }, { KEY: text.trim() })), bytes);
  t.deepEqual(Buffer.from(await readSecret({ env: 'KEY' }, { KEY: bytes.toString('base64') })), bytes);
  t.deepEqual(Buffer.from(await readSecret({ env: 'KEY' }, { KEY: bytes.toString('base64url') })), bytes);
});

test('a symbolic link to a key file is followed', async (t) => {
  const directory = await temporaryDirectory(t);
  await symlink(await keyFile(directory, text), join(directory, 'link'));
  t.is((await readSecret({ file: join(directory, 'link') }, {})).length, 32);
});

for (const mode of [0o640, 0o604, 0o660, 0o610]) {
  test(`a key file of mode 0${mode.toString(8)} is refused with the cure`, async (t) => {
    const file = await keyFile(await temporaryDirectory(t), text, mode);
    const error = await t.throwsAsync(readSecret({ file }, {}), { instanceOf: HeadgateError });
    t.is(error.code, 'HEADGATE_TOPOLOGY_SECRET_EXPOSED');
    t.is(
      describeError(error),
      `key file ${file} is open to others than its owner (mode 0${mode.toString(8)}); chmod 600 ${file}`,
    );
  });
}

test('a missing key names how to make one', async (t) => {
  const file = join(await temporaryDirectory(t), 'cluster.key');
  const missing = await t.throwsAsync(readSecret({ file }, {}), { instanceOf: HeadgateError });
  t.is(missing.code, 'HEADGATE_TOPOLOGY_SECRET_MISSING');
  t.true(missing.cure.includes(`headgate topology new-secret ${file}`));
  const unset = await t.throwsAsync(readSecret({ env: 'KEY' }, { KEY: '' }), { instanceOf: HeadgateError });
  t.is(unset.code, 'HEADGATE_TOPOLOGY_SECRET_MISSING');
});

test('what is no file is refused instead of waited for', async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, 'cluster.key'));
  const error = await t.throwsAsync(readSecret({ file: join(directory, 'cluster.key') }, {}), {
    instanceOf: HeadgateError,
  });
  t.is(error.code, 'HEADGATE_TOPOLOGY_SECRET_UNREADABLE');
});

const weak: readonly (readonly [string, string])[] = [
  ['empty text', ''],
  ['15 bytes', '00112233445566778899aabbccddee'],
  ['a pass phrase', 'correct horse battery staple'],
  ['a repeated byte', 'ab'.repeat(32)],
  ['a short password', 'swordfish'],
  ['an endless line', 'a1'.repeat(3_000)],
];
for (const [what, content] of weak) {
  test(`${what} is no secret, and the message does not repeat it`, async (t) => {
    const file = await keyFile(await temporaryDirectory(t), content);
    const error = await t.throwsAsync(readSecret({ file }, {}), { instanceOf: HeadgateError });
    t.is(error.code, 'HEADGATE_TOPOLOGY_SECRET_WEAK');
    if (content !== '') t.false(describeError(error).includes(content));
  });
}
