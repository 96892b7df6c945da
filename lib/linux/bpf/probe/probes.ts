import { HeadgateError, isHeadgateError } from '../../../errors/index.ts';
import { add, callHelper, helperIds, helperName, jlt, label, leave, exit, mov, R0 } from '../asm/index.ts';
import type { HelperName } from '../asm/index.ts';
import { Link, type XdpMode } from '../link/index.ts';
import { BpfMap, type MapSpec, type MapType } from '../map/index.ts';
import { requireBpffs } from '../pin/index.ts';
import { Program, XdpAction, type ProgramSpec, type ProgramType } from '../program/index.ts';
import { linkCreate } from '../sys/attributes.ts';
import { attributesOf, bpf } from '../sys/bpf.ts';
import { Command } from '../sys/command.ts';
import { bpfError, Errno } from '../sys/errno.ts';
import { probe, probeOnce, type Availability } from './availability.ts';

/**
 * A free interface number: nothing may be attached to it, but the kernel looks at the rest of the request
 * first.
 */
const NO_INTERFACE = 0x7fff_ffff;
const BPF_TCX_INGRESS = 46;

function tryMap(spec: MapSpec, use: (map: BpfMap) => void = () => {}): void {
  const map = BpfMap.create('hg_probe', spec);
  try {
    use(map);
  } finally {
    map.close();
  }
}

function tryProgram(spec: ProgramSpec, use: (program: Program) => void = () => {}): void {
  const program = Program.load('hg_probe', spec);
  try {
    use(program);
  } finally {
    program.close();
  }
}

const passEverything: ProgramSpec = { type: 'xdp', instructions: leave(XdpAction.Pass) };
const smallArray: MapSpec = { type: 'array', keySize: 4, valueSize: 8, maxEntries: 2 };

/** Whether this process may use bpf(2) at all: make a map, load an XDP program. */
export function bpfAvailable(): Availability {
  return probeOnce('bpf', () => {
    tryMap(smallArray);
    tryProgram(passEverything);
  });
}

/** Whether maps of a type can be made. */
export function mapTypeAvailable(type: MapType): Availability {
  const small: MapSpec = { type, keySize: 4, valueSize: 4, maxEntries: 1 };
  const holdsMaps = type === 'array-of-maps' || type === 'hash-of-maps';
  return probeOnce(`map ${type}`, () => tryMap(holdsMaps ? { ...small, inner: smallArray } : small));
}

/** Whether programs of a type can be loaded. */
export function programTypeAvailable(type: ProgramType): Availability {
  return probeOnce(`program ${type}`, () => tryProgram({ type, instructions: leave(0) }));
}

/** Whether programs of a type may call a helper. */
export function helperAvailable(type: ProgramType, helper: HelperName): Availability {
  return probeOnce(`helper ${type} ${helper}`, () => {
    try {
      // The verifier looks for the function before it looks at the (missing) arguments.
      tryProgram({ type, instructions: [callHelper(helperIds[helper]), leave(0)] });
    } catch (error) {
      if (!isHeadgateError(error, 'HEADGATE_BPF_VERIFIER')) throw error;
      if (!/invalid func|unknown func|cannot use helper/.test(String(error.facts['log']))) return;
      throw new HeadgateError(
        'HEADGATE_BPF_UNAVAILABLE',
        `this kernel has no ${helperName(helperIds[helper])} for programs of type ${type}`,
        { cure: 'use a newer kernel, or forwarding: proxy' },
      );
    }
  });
}

/** Whether the verifier takes loops whose end it can see; some kernels want CAP_PERFMON for that. */
export function boundedLoopsAvailable(): Availability {
  const instructions = [mov.imm(R0, 0), label('again'), add.imm(R0, 1), jlt.imm(R0, 10, 'again'), exit()];
  return probeOnce('bounded loops', () => tryProgram({ type: 'xdp', instructions }));
}

/** Whether arrays can be mapped into memory. */
export function mmapAvailable(): Availability {
  return probeOnce('mmap', () => tryMap({ ...smallArray, mmapable: true }, (map) => map.memory().close()));
}

/** Whether many elements can be written in one system call. */
export function batchAvailable(): Availability {
  return probeOnce('batch', () =>
    tryMap(smallArray, (map) => map.batch.update(Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0), new Uint8Array(16))),
  );
}

/** Whether programs can be attached through tcx. */
export function tcxAvailable(): Availability {
  return probeOnce('tcx', () =>
    tryProgram({ type: 'sched-cls', instructions: leave(0) }, ({ fd }) => {
      const attributes = attributesOf(linkCreate, {
        programFd: fd,
        target: NO_INTERFACE,
        attachType: BPF_TCX_INGRESS,
      });
      const result = bpf(Command.LinkCreate, attributes);
      if (result === -Errno.ENODEV) return;
      throw bpfError('HEADGATE_BPF_LINK', 'this kernel has no tcx', Command.LinkCreate, result);
    }),
  );
}

/**
 * Whether an XDP program can be attached to an interface, by attaching one that passes everything for a
 * moment: some drivers drop the packets of that moment. Says no when another program is there. Not
 * remembered: interfaces come and go.
 */
export function xdpLinkAvailable(ifindex: number, mode: XdpMode): Availability {
  return probe(() => tryProgram(passEverything, (program) => Link.attachXdp(program, ifindex, mode).close()));
}

/** Whether objects can be pinned in a directory. Not remembered: a file system may be mounted any time. */
export function bpffsAvailable(directory: string): Availability {
  return probe(() => requireBpffs(directory));
}
