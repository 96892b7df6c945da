import { mapCreate } from '../sys/attributes.ts';
import { attributesOf, bpf } from '../sys/bpf.ts';
import { Command } from '../sys/command.ts';
import { bpfError, Errno } from '../sys/errno.ts';
import { Descriptor } from '../sys/descriptor.ts';
import { encodeName } from '../sys/name.ts';
import { checkMapSpec, mapFlags, mapTypes, type MapSpec } from './spec.ts';

/** Makes a map in the kernel. Throws HEADGATE_BPF_SPEC, HEADGATE_BPF_MAP or HEADGATE_BPF_UNAVAILABLE. */
export function createMapDescriptor(name: string, spec: MapSpec): Descriptor {
  checkMapSpec(name, spec);
  // The kernel takes the shape of the inner maps from an example, which it does not keep.
  const example = spec.inner === undefined ? undefined : createMapDescriptor(name, spec.inner);
  try {
    const attributes = attributesOf(mapCreate, {
      mapType: mapTypes[spec.type],
      keySize: spec.keySize,
      valueSize: spec.valueSize,
      maxEntries: spec.maxEntries,
      mapFlags: mapFlags(spec),
      innerMapFd: example?.fd ?? 0,
      name: encodeName(name),
    });
    const result = bpf(Command.MapCreate, attributes);
    if (result >= 0) return new Descriptor(result, `map ${name}`);
    const size = `${spec.type} of ${spec.maxEntries} entries, ${spec.keySize} + ${spec.valueSize} bytes each`;
    const tooLarge = -result === Errno.ENOMEM || -result === Errno.E2BIG;
    throw bpfError('HEADGATE_BPF_MAP', `create eBPF map ${name} (${size})`, Command.MapCreate, result, {
      map: name,
      tooLarge,
    });
  } finally {
    example?.close();
  }
}
