/** Programs for which a folder is read-only, as on a read-only file system: in a mount namespace of their own. */
import { spawnSync } from 'node:child_process';

/** Runs `argv` with `folder` read-only. Only the way there differs from `argv` alone. */
export function readOnly(folder: string, argv: readonly string[]): readonly string[] {
  const script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
  return ['unshare', '--map-root-user', '--mount', 'sh', '-c', script, folder, ...argv];
}

/** Why that cannot be done here, or undefined when it can. */
export function probeReadOnly(): string | undefined {
  const [command = '', ...args] = readOnly('/tmp', ['true']);
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (error !== undefined) return 'there is no unshare command';
  return status === 0 ? undefined : `mount namespaces: ${stderr.trim()}`;
}
