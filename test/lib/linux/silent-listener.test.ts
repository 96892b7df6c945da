import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import net from 'node:net';
import test from 'ava';
import { acceptQueue, linuxAvailable, localEndpoint, silentListener } from '../../../lib/linux/index.ts';

const linux = linuxAvailable();
const kernelTest = linux.available ? test : test.skip;
if (!linux.available) test(`no system calls here: ${linux.reason}`, (t) => t.pass());

for (const host of ['127.0.0.1', '::1']) {
  kernelTest(
    `a silent listener at ${host} neither takes nor refuses; when it is gone the kernel refuses`,
    async (t) => {
      const fd = silentListener({ host, port: 0 });
      let open = true;
      t.teardown(() => (open ? closeSync(fd) : undefined));
      const endpoint = localEndpoint(fd);
      const socket = net.connect(endpoint);
      t.teardown(() => socket.destroy());
      const refused = once(socket, 'error').then(([error]) => (error as NodeJS.ErrnoException).code);
      await new Promise((resolve) => void setTimeout(resolve, 50));
      t.true(socket.connecting);
      t.is(acceptQueue(fd).queued, 0);
      closeSync(fd);
      open = false;
      t.is(await refused, 'ECONNREFUSED');
    },
  );
}

kernelTest('without any privilege a silent listener is as silent', (t) => {
  const room = new URL('../../../lib/linux/index.js', import.meta.url).href;
  const code = `
    import net from 'node:net';
    import { acceptQueue, linuxAvailable, localEndpoint, silentListener } from ${JSON.stringify(room)};
    linuxAvailable();
    if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }
    const fd = silentListener({ host: '127.0.0.1', port: 0 });
    const socket = net.connect(localEndpoint(fd));
    socket.on('error', (error) => console.log(error.code)).on('connect', () => console.log('connected'));
    setTimeout(() => { console.log(socket.connecting, acceptQueue(fd).queued); process.exit(); }, 100);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
  });
  t.is(stdout, 'true 0\n', stderr);
});
