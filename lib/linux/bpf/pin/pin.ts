import { dirname } from 'node:path';
import { HeadgateError } from '../../../errors/index.ts';
import { objectPath } from '../sys/attributes.ts';
import { attributesOf, bpf, pointerTo } from '../sys/bpf.ts';
import { Command } from '../sys/command.ts';
import { Descriptor } from '../sys/descriptor.ts';
import { bpfError, Errno } from '../sys/errno.ts';
import { kindOf, type ObjectKind } from '../sys/object.ts';
import { requireBpffs } from './bpffs.ts';

function pathBytes(path: string): Uint8Array {
  return Buffer.from(`${path}\0`, 'utf8');
}

/**
 * Pins an object at `path`, whose directory must be on a bpf file system; names with a dot are reserved by
 * the kernel. Throws HEADGATE_BPF_NO_BPFFS or HEADGATE_BPF_PIN (fact `exists` when the path is taken). Unpin
 * with fs.unlinkSync.
 */
export function pinObject(fd: number, path: string): void {
  requireBpffs(dirname(path));
  const name = pathBytes(path);
  const result = bpf(Command.ObjectPin, attributesOf(objectPath, { path: pointerTo(name), fd }), [name]);
  if (result < 0) {
    throw bpfError('HEADGATE_BPF_PIN', `pin an eBPF object at ${path}`, Command.ObjectPin, result, {
      path,
      exists: -result === Errno.EEXIST,
    });
  }
}

/**
 * Opens what is pinned at `path`. Throws HEADGATE_BPF_PIN (fact `missing` when nothing is there), or
 * HEADGATE_BPF_PIN_MISMATCH when it is not a `kind`.
 */
export function openPinned(path: string, kind: ObjectKind): Descriptor {
  const name = pathBytes(path);
  const result = bpf(Command.ObjectGet, attributesOf(objectPath, { path: pointerTo(name) }), [name]);
  if (result < 0) {
    throw bpfError('HEADGATE_BPF_PIN', `open the eBPF object at ${path}`, Command.ObjectGet, result, {
      path,
      missing: -result === Errno.ENOENT,
    });
  }
  const descriptor = new Descriptor(result, `${kind} ${path}`);
  const found = kindOf(result);
  if (found === kind) return descriptor;
  descriptor.close();
  throw new HeadgateError(
    'HEADGATE_BPF_PIN_MISMATCH',
    `${path} is a ${found ?? 'foreign object'}, not a ${kind}`,
    {
      facts: { path },
    },
  );
}
