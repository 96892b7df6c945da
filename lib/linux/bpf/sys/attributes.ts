import { bytes, i32, layout, pad, u32, u64 } from '../../../layout/index.ts';

/**
 * What bpf(2) takes and gives: `union bpf_attr` by command, and the info structs (include/uapi/linux/bpf.h).
 * Pointers are u64 addresses. Each ends where headgate's use of it ends: the kernel takes missing fields as
 * zero.
 */

/** Bytes of an object's name, the final zero included. */
export const NAME_BYTES = 16;

export const mapCreate = layout(
  'bpf_attr.map_create',
  {
    mapType: u32,
    keySize: u32,
    valueSize: u32,
    maxEntries: u32,
    mapFlags: u32,
    innerMapFd: u32,
    numaNode: u32,
    name: bytes(NAME_BYTES),
  },
  { size: 44 },
);

export const mapElement = layout(
  'bpf_attr.map_elem',
  { mapFd: u32, gap: pad(4), key: u64, value: u64, flags: u64 },
  { size: 32 },
);

export const mapBatch = layout(
  'bpf_attr.batch',
  {
    inBatch: u64,
    outBatch: u64,
    keys: u64,
    values: u64,
    count: u32,
    mapFd: u32,
    elementFlags: u64,
    flags: u64,
  },
  { size: 56 },
);

export const mapOnly = layout('bpf_attr.map_fd', { mapFd: u32 }, { size: 4 });

export const programLoad = layout(
  'bpf_attr.prog_load',
  {
    programType: u32,
    slots: u32,
    instructions: u64,
    license: u64,
    logLevel: u32,
    logBytes: u32,
    log: u64,
    kernelVersion: u32,
    flags: u32,
    name: bytes(NAME_BYTES),
    ifindex: u32,
    expectedAttachType: u32,
  },
  { size: 72 },
);

export const objectPath = layout('bpf_attr.obj', { path: u64, fd: u32, fileFlags: u32 }, { size: 16 });

export const testRun = layout(
  'bpf_attr.test',
  {
    programFd: u32,
    result: u32,
    dataInBytes: u32,
    dataOutBytes: u32,
    dataIn: u64,
    dataOut: u64,
    repeat: u32,
    durationNs: u32,
    contextInBytes: u32,
    contextOutBytes: u32,
    contextIn: u64,
    contextOut: u64,
    flags: u32,
    cpu: u32,
    batchSize: u32,
    end: pad(4),
  },
  { size: 80 },
);

export const byId = layout('bpf_attr.get_id', { id: u32, nextId: u32, openFlags: u32 }, { size: 12 });

export const objectInfo = layout('bpf_attr.info', { fd: u32, infoBytes: u32, info: u64 }, { size: 16 });

export const linkCreate = layout(
  'bpf_attr.link_create',
  { programFd: u32, target: u32, attachType: u32, flags: u32 },
  { size: 16 },
);

export const linkUpdate = layout(
  'bpf_attr.link_update',
  { linkFd: u32, newProgramFd: u32, flags: u32, oldProgramFd: u32 },
  { size: 16 },
);

export const linkOnly = layout('bpf_attr.link_detach', { linkFd: u32 }, { size: 4 });

export const mapInfo = layout(
  'bpf_map_info',
  {
    type: u32,
    id: u32,
    keySize: u32,
    valueSize: u32,
    maxEntries: u32,
    mapFlags: u32,
    name: bytes(NAME_BYTES),
    ifindex: u32,
    valueTypeId: u32,
    netnsDevice: u64,
    netnsInode: u64,
    btfId: u32,
    btfKeyTypeId: u32,
    btfValueTypeId: u32,
    end: pad(4),
    extra: u64,
  },
  { size: 88 },
);

/** The first half of struct bpf_prog_info; the rest (line info, statistics) is not read. */
export const programInfo = layout(
  'bpf_prog_info',
  {
    type: u32,
    id: u32,
    tag: bytes(8),
    jitedBytes: u32,
    translatedBytes: u32,
    jitedInstructions: u64,
    translatedInstructions: u64,
    loadTimeNs: u64,
    createdByUid: u32,
    mapIdCount: u32,
    mapIds: u64,
    name: bytes(NAME_BYTES),
  },
  { size: 80 },
);

/** struct bpf_link_info with the union's fields of xdp (ifindex) and tcx (ifindex, attach type). */
export const linkInfo = layout(
  'bpf_link_info',
  { type: u32, id: u32, programId: u32, gap: pad(4), ifindex: u32, attachType: i32 },
  { size: 24 },
);
