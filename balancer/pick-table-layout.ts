/**
 * Where things lie in the pick table, the memory that the workers of a node share:
 *
 *     head       magic, number of workers, generation; the lock (owner, turns) on a cache line of its own
 *     services   128 × service
 *     seats      128 × workers × seat      who waits, by service and worker
 *     limits     4,096 × u32               by row (upstream)
 *     counts     4,096 × workers × u32     connections by row and worker
 *     cells      128 × 1,024 × cell        by service and candidate
 *
 * Untouched pages cost nothing.
 */
import { f64, layout, pad, u32 } from '../lib/layout/index.ts';

export const head = layout(
  'pick_table_head',
  { magic: u32, workers: u32, generation: u32, pad0: pad(52), lock: u32, turns: u32, pad1: pad(56) },
  { size: 128 },
);

/** `nextTicket`: number the next client gets that waits; `full`: no room, and the queue is full. */
export const service = layout('pick_service', { nextTicket: f64, full: u32, pad0: pad(4) }, { size: 16 });

/** `oldest`: ticket of the worker's longest waiting client, while `waiting` is not 0. Written by its worker. */
export const seat = layout('pick_seat', { oldest: f64, waiting: u32, pad0: pad(4) }, { size: 16 });

/** `value`: the scheduler's; `level`: see Level; `share`: hundredths. */
export const cell = layout('pick_cell', { value: f64, level: u32, share: u32 }, { size: 16 });

/** "hgpt" */
export const magic = 0x74706768;

/** Twice what a topology may have, so that a wholly new set of services finds its places beside the old one's. */
export const serviceCapacity = 128;
/** Candidates of one service: as many chat servers as a topology may have. */
export const candidateCapacity = 1_024;
/** Upstreams with connections, removed ones included. */
export const rowCapacity = 4_096;

/** Offsets in bytes, and the size of the whole, for a number of workers. */
export function regions(workers: number): {
  readonly services: number;
  readonly seats: number;
  readonly limits: number;
  readonly counts: number;
  readonly cells: number;
  readonly bytes: number;
} {
  const services = head.size;
  const seats = services + serviceCapacity * service.size;
  const limits = seats + serviceCapacity * workers * seat.size;
  const counts = limits + rowCapacity * 4;
  // Multiples of 8, as 4,096 is.
  const cells = counts + rowCapacity * workers * 4;
  return {
    services,
    seats,
    limits,
    counts,
    cells,
    bytes: cells + serviceCapacity * candidateCapacity * cell.size,
  };
}
