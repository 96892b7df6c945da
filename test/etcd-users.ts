/** Users for an etcd of the tests, made as an administrator does: over its own door, with a client certificate. */
import { readFile } from 'node:fs/promises';
import https from 'node:https';
import path from 'node:path';
import { base64, type TestEtcd } from './etcd.ts';

/**
 * From then on etcd asks for a password: ann (annword) may read and write `key` and what is named after it, bob (bobword)
 * nothing, root (rootword) everything. `certificates` is a folder of makeCertificates().
 */
export async function addUsers(etcd: TestEtcd, certificates: string, key: string): Promise<void> {
  const [ca, cert, own] = await Promise.all(
    ['ca.pem', 'client.pem', 'client.key'].map((name) => readFile(path.join(certificates, name))),
  );
  const { host, port } = etcd.endpoints[0]!;
  const ask = (where: string, body: object): Promise<void> =>
    new Promise((resolve, reject) => {
      const options = { ca, cert, key: own, host, port, path: where, method: 'POST' };
      const request = https.request(options, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`${where}: ${text}`));
        });
      });
      request.on('error', reject).end(JSON.stringify(body));
    });
  for (const name of ['root', 'ann', 'bob'])
    await ask('/v3/auth/user/add', { name, password: `${name}word` });
  await ask('/v3/auth/role/add', { name: 'root' });
  await ask('/v3/auth/role/add', { name: 'headgate' });
  const range = { permType: 'READWRITE', key: base64(key), range_end: base64(`${key}0`) };
  await ask('/v3/auth/role/grant', { name: 'headgate', perm: range });
  await ask('/v3/auth/user/grant', { user: 'root', role: 'root' });
  await ask('/v3/auth/user/grant', { user: 'ann', role: 'headgate' });
  await ask('/v3/auth/enable', {});
}
