/** What was there before, and on whose behalf it was changed. Pure: state in, state out. */

/** One thing that was changed. */
export type Change =
  | {
      readonly kind: 'sysctl';
      /** Path below /proc/sys: `net/ipv4/conf/eth0/arp_ignore`. */
      readonly path: string;
      readonly before: string;
      readonly now: string;
    }
  | {
      readonly kind: 'address';
      readonly ifindex: number;
      readonly address: string;
      readonly prefixLength: number;
    };

export interface Claim {
  readonly change: Change;
  /** Who wants it, oldest first; with the last one it is undone. */
  readonly owners: readonly string[];
}

/** A process, told apart from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot at which it started (/proc/PID/stat). */
  readonly started: string;
}

export interface Owner {
  readonly name: string;
  /** Undefined: prepared by a command, stays when its process ends. */
  readonly process?: ProcessIdentity;
  /** Where its programs are pinned. */
  readonly pinDirectory?: string;
}

export interface HostState {
  readonly version: 1;
  /** /proc/sys/kernel/random/boot_id: after a boot nothing of this is true any more. */
  readonly boot: string;
  readonly owners: readonly Owner[];
  readonly claims: readonly Claim[];
}

export function emptyState(boot: string): HostState {
  return { version: 1, boot, owners: [], claims: [] };
}

/** What tells changes apart: of one thing there is one claim. */
export function changeKey(change: Change): string {
  return change.kind === 'sysctl'
    ? change.path
    : `${change.ifindex} ${change.address}/${change.prefixLength}`;
}

export function claimOf(state: HostState, key: string): Claim | undefined {
  return state.claims.find(({ change }) => changeKey(change) === key);
}

/** `owner` is known from now on, under these circumstances. */
export function withOwner(state: HostState, owner: Owner): HostState {
  return { ...state, owners: [...state.owners.filter(({ name }) => name !== owner.name), owner] };
}

/** `owner` wants the change too. What was recorded as before stays: it is what was there before anybody. */
export function claim(state: HostState, owner: string, change: Change): HostState {
  const key = changeKey(change);
  const known = claimOf(state, key);
  if (known === undefined) return { ...state, claims: [...state.claims, { change, owners: [owner] }] };
  if (known.owners.includes(owner)) return state;
  const joined = { ...known, owners: [...known.owners, owner] };
  return { ...state, claims: state.claims.map((each) => (each === known ? joined : each)) };
}

/**
 * `owner` wants nothing any more but what `keep` names. Answers the new state, and what nobody wants now: to be undone,
 * the last change first.
 */
export function release(
  state: HostState,
  owner: string,
  keep: ReadonlySet<string>,
): { readonly state: HostState; readonly undo: readonly Change[] } {
  const undo: Change[] = [];
  const claims = state.claims.flatMap((each) => {
    if (!each.owners.includes(owner) || keep.has(changeKey(each.change))) return [each];
    const owners = each.owners.filter((name) => name !== owner);
    if (owners.length > 0) return [{ ...each, owners }];
    undo.unshift(each.change);
    return [];
  });
  return { state: { ...state, claims }, undo };
}

/** `owner` is gone for good, and wants nothing. */
export function forget(
  state: HostState,
  owner: string,
): { readonly state: HostState; readonly undo: readonly Change[] } {
  const { state: left, undo } = release(state, owner, new Set());
  return { state: { ...left, owners: left.owners.filter(({ name }) => name !== owner) }, undo };
}
