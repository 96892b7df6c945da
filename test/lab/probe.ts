import { spawnSync } from 'node:child_process';
import { namespaceName } from './names.ts';

let answer: { readonly missing: string | undefined } | undefined;

/** Why a lab cannot be built here, or undefined when it can. Tries it once per process: makes a namespace and removes it. */
export function probeLab(): string | undefined {
  answer ??= { missing: probe() };
  return answer.missing;
}

function probe(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const name = namespaceName({ pid: process.pid, number: 0, host: 'probe' });
  const commands = [
    `netns add ${name}`,
    `-n ${name} link add port type veth peer name eth0`,
    `netns del ${name}`,
  ];
  const failures = commands.flatMap((command) => {
    const { error, status, stderr } = spawnSync('ip', command.split(' '), { encoding: 'utf8' });
    if (error !== undefined) return ['no ip command: npm run test:deps installs iproute2'];
    return status === 0 ? [] : [`ip ${command}: ${stderr.trim()}`];
  });
  return failures[0];
}
