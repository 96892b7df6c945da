/**
 * Beats of a director also tell in which way it forwards each service now, which need not be what its file says: a
 * change may have to wait. Ways travel by VIP, for names may change:
 * `{"node": "d1", "forwards": {"203.0.113.10:9000": "dr"}}`.
 */
import type { Json } from '../control/index.ts';
import { ways, type Way } from './types.ts';

/** Way by VIP, `host:port`. */
export type Forwards = ReadonlyMap<string, Way>;

/** Most services of a beat; more would be none of ours. */
const mostServices = 1_024;
/** Longest VIP, characters. */
const longestVip = 256;

/** The body with what the asking node forwards in it. */
export function withForwards(body: Json, forwards: Forwards | undefined): Json {
  if (forwards === undefined || !isRecord(body)) return body;
  return { ...body, forwards: Object.fromEntries(forwards) };
}

/** What a body tells; undefined when it tells nothing. Ways of a newer version are none that this one could take. */
export function readForwards(body: Json): Forwards | undefined {
  const told = isRecord(body) ? body['forwards'] : undefined;
  if (told === undefined || !isRecord(told)) return undefined;
  const entries = Object.entries(told);
  if (entries.length > mostServices) return undefined;
  return new Map(
    entries.flatMap(([vip, way]) => {
      const known = ways.find((one) => one === way);
      return known === undefined || vip.length > longestVip ? [] : [[vip, known] as const];
    }),
  );
}

function isRecord(value: Json): value is Readonly<Record<string, Json>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
