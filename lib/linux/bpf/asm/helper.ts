/**
 * Numbers of the kernel's helper functions that network programs call (include/uapi/linux/bpf.h,
 * ___BPF_FUNC_MAPPER; the numbers are ABI). Names are the kernel's without `bpf_`, in camel case. Whether a
 * helper is there is a question for the feature probes, not for a kernel version.
 */
export const helperIds = Object.freeze({
  mapLookupElem: 1,
  mapUpdateElem: 2,
  mapDeleteElem: 3,
  ktimeGetNs: 5,
  tracePrintk: 6,
  getPrandomU32: 7,
  getSmpProcessorId: 8,
  skbStoreBytes: 9,
  l3CsumReplace: 10,
  l4CsumReplace: 11,
  tailCall: 12,
  cloneRedirect: 13,
  skbVlanPush: 18,
  skbVlanPop: 19,
  redirect: 23,
  perfEventOutput: 25,
  skbLoadBytes: 26,
  csumDiff: 28,
  skbChangeProto: 31,
  skbChangeType: 32,
  getHashRecalc: 34,
  skbChangeTail: 38,
  skbPullData: 39,
  csumUpdate: 40,
  setHashInvalid: 41,
  skbChangeHead: 43,
  xdpAdjustHead: 44,
  skbAdjustRoom: 50,
  redirectMap: 51,
  xdpAdjustMeta: 54,
  xdpAdjustTail: 65,
  fibLookup: 69,
  skSelectReuseport: 82,
  skLookupTcp: 84,
  skLookupUdp: 85,
  skRelease: 86,
  mapPushElem: 87,
  mapPopElem: 88,
  mapPeekElem: 89,
  skbEcnSetCe: 97,
  skcLookupTcp: 99,
  tcpCheckSyncookie: 100,
  tcpGenSyncookie: 110,
  jiffies64: 118,
  skAssign: 124,
  ktimeGetBootNs: 125,
  ringbufOutput: 130,
  ringbufReserve: 131,
  ringbufSubmit: 132,
  ringbufDiscard: 133,
  csumLevel: 135,
  redirectNeigh: 152,
  redirectPeer: 155,
  ktimeGetCoarseNs: 160,
  checkMtu: 163,
  xdpGetBuffLen: 188,
  xdpLoadBytes: 189,
  xdpStoreBytes: 190,
  mapLookupPercpuElem: 195,
  tcpRawGenSyncookieIpv4: 204,
  tcpRawGenSyncookieIpv6: 205,
  tcpRawCheckSyncookieIpv4: 206,
  tcpRawCheckSyncookieIpv6: 207,
});

export type HelperName = keyof typeof helperIds;

const names: ReadonlyMap<number, string> = new Map(Object.entries(helperIds).map(([name, id]) => [id, name]));

/**
 * The kernel's name of a helper (`bpf_map_lookup_elem`), or its number (`helper 250`) when it is none of
 * ours.
 */
export function helperName(id: number): string {
  const name = names.get(id);
  return name === undefined
    ? `helper ${id}`
    : `bpf_${name.replace(/[A-Z]|(?<=\D)\d+$/g, (part) => (/\d/.test(part) ? part : `_${part.toLowerCase()}`))}`;
}
