/** Reads a state back from text. The file is ours alone, but a half-understood one must not be acted upon. */
import { canonicalAddress } from '../address/index.ts';
import type { Change, Claim, HostState, Owner } from './state.ts';

/** Undefined when the text is not a state of this version. Never throws. */
export function parseState(text: string): HostState | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || value['version'] !== 1 || typeof value['boot'] !== 'string') return undefined;
  const owners = listOf(value['owners'], ownerOf);
  const claims = listOf(value['claims'], claimOf);
  if (owners === undefined || claims === undefined) return undefined;
  return { version: 1, boot: value['boot'], owners, claims };
}

function ownerOf(value: unknown): Owner | undefined {
  if (!isRecord(value) || typeof value['name'] !== 'string') return undefined;
  const { name, process: identity, pinDirectory } = value;
  if (pinDirectory !== undefined && typeof pinDirectory !== 'string') return undefined;
  const pins = pinDirectory === undefined ? {} : { pinDirectory };
  if (identity === undefined) return { name, ...pins };
  if (!isRecord(identity)) return undefined;
  const { pid, started } = identity;
  if (!isWhole(pid) || typeof started !== 'string') return undefined;
  return { name, process: { pid, started }, ...pins };
}

function claimOf(value: unknown): Claim | undefined {
  if (!isRecord(value)) return undefined;
  const change = changeOf(value['change']);
  const owners = listOf(value['owners'], (name) => (typeof name === 'string' ? name : undefined));
  return change === undefined || owners === undefined ? undefined : { change, owners };
}

/** Only what this room writes: a path of an interface's settings, an address. */
function changeOf(value: unknown): Change | undefined {
  if (!isRecord(value)) return undefined;
  if (value['kind'] === 'sysctl') {
    const { path, before, now } = value;
    if (typeof path !== 'string' || !/^net\/ipv4\/conf\/[^/]+\/[a-z_]+$/.test(path)) return undefined;
    if (path.includes('/../')) return undefined;
    if (!isDigits(before) || !isDigits(now)) return undefined;
    return { kind: 'sysctl', path, before, now };
  }
  if (value['kind'] !== 'address') return undefined;
  const { ifindex, address, prefixLength } = value;
  if (!isWhole(ifindex) || !isWhole(prefixLength)) return undefined;
  if (typeof address !== 'string' || canonicalAddress(address) !== address) return undefined;
  return { kind: 'address', ifindex, address, prefixLength };
}

function listOf<Item>(
  value: unknown,
  itemOf: (value: unknown) => Item | undefined,
): readonly Item[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: Item[] = [];
  for (const each of value) {
    const item = itemOf(each);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isWhole(value: unknown): value is number {
  return Number.isInteger(value);
}

function isDigits(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,3}$/.test(value);
}
