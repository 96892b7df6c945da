/** What tests of several hosts have in common. */
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { mountBpffs, unmountBpffs } from '../../../lib/linux/bpf/index.ts';
import type { Lab } from '../../lab/index.ts';
import { ownNamespaces, temporaryDirectory } from '../../lib/linux/bpf/own-namespaces.ts';

export const labVip = '10.77.0.100';

/** Command of a program of the lab. */
export function labScript(name: string): string[] {
  return [process.execPath, fileURLToPath(new URL(`${name}.js`, import.meta.url))];
}

/** A bpf file system that all hosts see; pins live as long as it. */
export function labBpffsRoot(t: ExecutionContext): string {
  const answer = ownNamespaces();
  if (!answer.available) throw new Error(answer.reason);
  const root = temporaryDirectory();
  mountBpffs(root);
  t.teardown(() => {
    unmountBpffs(root);
    rmSync(dirname(root), { recursive: true });
  });
  return root;
}

/** A directory on such a file system for one director. */
export function labBpffs(t: ExecutionContext): string {
  return join(labBpffsRoot(t), 'd1');
}

/** A balancer as dr wants it: owns the VIP without telling anybody. */
export async function prepareBalancer(lab: Lab, host: string): Promise<string> {
  await lab.sysctl(host, 'net.ipv4.conf.all.arp_ignore', '1');
  await lab.sysctl(host, 'net.ipv4.conf.all.arp_announce', '2');
  await lab.exec(host, ['ip', 'address', 'add', `${labVip}/32`, 'dev', 'lo']);
  const server = await lab.spawn(host, [...labScript('lab-server'), host]);
  await server.line(/listening/);
  return (await lab.exec(host, ['cat', '/sys/class/net/eth0/address'])).stdout.trim();
}
