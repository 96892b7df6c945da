import { readlinkSync } from 'node:fs';
import { HeadgateError } from '../../../errors/index.ts';
import type { Fields, Layout, Values } from '../../../layout/index.ts';
import { byId, objectInfo } from './attributes.ts';
import { attributesOf, bpf, pointerTo } from './bpf.ts';
import { Command } from './command.ts';
import { bpfError, Errno } from './errno.ts';

export type ObjectKind = 'map' | 'program' | 'link';

/** The kind of eBPF object a descriptor of this process is, or undefined when it is something else. */
export function kindOf(fd: number): ObjectKind | undefined {
  const target = readlinkSync(`/proc/self/fd/${fd}`);
  const kinds: Readonly<Record<string, ObjectKind>> = {
    'anon_inode:bpf-map': 'map',
    'anon_inode:bpf-prog': 'program',
    // The kernel spells it both ways: a link that was made, and one that was opened.
    'anon_inode:bpf_link': 'link',
    'anon_inode:bpf-link': 'link',
  };
  return kinds[target];
}

/**
 * The kernel's info struct of an object. Throws HEADGATE_BPF_PROGRAM with the errno when it cannot be had.
 */
export function readInfo<F extends Fields>(fd: number, table: Layout<F>): Values<F> {
  const info = new Uint8Array(table.size);
  const attributes = attributesOf(objectInfo, { fd, infoBytes: info.length, info: pointerTo(info) });
  const result = bpf(Command.ObjectInfo, attributes, [info]);
  if (result < 0)
    throw bpfError('HEADGATE_BPF_PROGRAM', 'read the info of an eBPF object', Command.ObjectInfo, result);
  return table.read(info);
}

const NEXT: Readonly<Record<ObjectKind, Command>> = {
  map: Command.MapNextId,
  program: Command.ProgramNextId,
  link: Command.LinkNextId,
};

/**
 * The ids of every object of a kind on this machine, ascending. Needs CAP_SYS_ADMIN; throws
 * HEADGATE_BPF_PROGRAM.
 */
export function* objectIds(kind: ObjectKind): Generator<number, void, void> {
  const attributes = attributesOf(byId, {});
  for (let id = 0; ;) {
    byId.set(attributes, 'id', id);
    const result = bpf(NEXT[kind], attributes);
    if (result === -Errno.ENOENT) return;
    if (result < 0) {
      const { message, cause, facts } = bpfError(
        'HEADGATE_BPF_PROGRAM',
        `list the ids of eBPF ${kind}s`,
        NEXT[kind],
        result,
      );
      const cure = 'run as root or grant CAP_SYS_ADMIN';
      throw new HeadgateError('HEADGATE_BPF_PROGRAM', message, { cause, facts, cure });
    }
    id = byId.get(attributes, 'nextId');
    yield id;
  }
}
