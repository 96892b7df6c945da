/** Rows for accepts under way, of all listeners together; a client that must be refused lands in one of them. */
const acceptRowsMost = 64;
/** Direct descriptors of one ring (IORING_MAX_FIXED_FILES), two per row. */
const rowsPerRingMost = 1 << 19;
/** Rings of one relay; each costs memory in the kernel, and a turn of the event loop when it has something to do. */
const ringsMost = 64;
/** Of so many descriptors of the process one ring may take its two. */
const descriptorsPerRing = 32;

/** The rings of a relay, all alike. A row is a connection, or an accept under way. */
export interface RingPlan {
  readonly rings: number;
  /** Of each ring. */
  readonly rows: number;
  /** Of all rings together, kept for accepts, so that a client beyond the limit can be accepted and refused. */
  readonly acceptRows: number;
  /** Connections there are rows for; less than asked for only where even the most rings do not carry them. */
  readonly capacity: number;
}

/** What tests set instead of computing it. */
export interface RingTuning {
  readonly rings?: number;
  readonly rows?: number;
}

/**
 * The rings that carry `limit` connections. A ring has at most `nofileLimit` (RLIMIT_NOFILE, soft) direct descriptors, a
 * connection takes two, and what lies in one ring's table counts neither against another's nor against the process.
 */
export function planRings(limit: number, nofileLimit: number, tuning: RingTuning = {}): RingPlan {
  const perRing = Math.max(2, Math.min(rowsPerRingMost, Math.floor(nofileLimit / 2)));
  const wanted = limit + acceptRowsMost;
  const most = Math.max(1, Math.min(ringsMost, Math.floor(nofileLimit / descriptorsPerRing)));
  const rings = tuning.rings ?? Math.min(most, Math.ceil(wanted / perRing));
  const rows = tuning.rows ?? Math.min(perRing, Math.ceil(wanted / rings));
  const acceptRows = Math.min(acceptRowsMost, Math.max(1, (rings * rows) >> 2));
  return { rings, rows, acceptRows, capacity: Math.min(limit, rings * rows - acceptRows) };
}
