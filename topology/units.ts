/** Durations and sizes as people write them. Past the loader there are only milliseconds and bytes. */

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const sizeUnits: Readonly<Record<string, number>> = { B: 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 };

/** What a duration looks like; also in the JSON Schema. */
export const durationPattern = /^\d{1,15}(?:\.\d{1,6})?(?:ms|s|m|h)$/;
/** What a size looks like; also in the JSON Schema. */
export const sizePattern = /^\d{1,15}(?:\.\d{1,6})?(?:B|KiB|MiB|GiB)$/;

function parse(text: string, pattern: RegExp, units: Readonly<Record<string, number>>): number | undefined {
  if (!pattern.test(text)) return undefined;
  const [, number = '', unit = ''] = /^([\d.]+)([A-Za-z]+)$/.exec(text) ?? [];
  const value = Number(number) * (units[unit] ?? Number.NaN);
  // 0.1s * 1000 may miss a whole number by one unit in the last place.
  const whole = Math.round(value);
  return Math.abs(value - whole) < 1e-6 && Number.isSafeInteger(whole) ? whole : undefined;
}

function format(value: number, units: Readonly<Record<string, number>>): string {
  let text = `${value}${Object.keys(units)[0]}`;
  for (const [unit, factor] of Object.entries(units)) {
    if (value !== 0 && value % factor === 0) text = `${value / factor}${unit}`;
  }
  return text;
}

/** Milliseconds of `250ms`, `1s`, `1.5s`, `5m`, `2h`; undefined when it is none or not whole milliseconds. */
export function parseDuration(text: string): number | undefined {
  return parse(text, durationPattern, durationUnits);
}

/** The shortest exact text of a number of milliseconds: 90000 is `90s`, 300000 is `5m`. */
export function formatDuration(ms: number): string {
  return format(ms, durationUnits);
}

/** Bytes of `512B`, `64KiB`, `1MiB`, `1GiB` (powers of 1,024); undefined when it is none or not whole bytes. */
export function parseSize(text: string): number | undefined {
  return parse(text, sizePattern, sizeUnits);
}

/** The shortest exact text of a number of bytes. */
export function formatSize(bytes: number): string {
  return format(bytes, sizeUnits);
}

/** What someone who wrote `input` (5, "5 sec", "1 minute") may have meant, as a duration; undefined when unclear. */
export function suggestDuration(input: unknown): string | undefined {
  const match = /^\s*(\d{1,9})(?:\.0*)?\s*([a-z]*)\s*$/i.exec(String(input));
  if (match === null) return undefined;
  const unit = (match[2] ?? '').toLowerCase();
  if (unit === '' || unit.startsWith('sec') || unit === 's') return `${match[1]}s`;
  if (unit.startsWith('ms') || unit.startsWith('mil')) return `${match[1]}ms`;
  if (unit.startsWith('m')) return `${match[1]}m`;
  if (unit.startsWith('h')) return `${match[1]}h`;
  if (unit.startsWith('d')) return `${Number(match[1]) * 24}h`;
  return undefined;
}

/** Same for sizes: 65536, "64K", "64kB" and "64 kib" are `64KiB`. */
export function suggestSize(input: unknown): string | undefined {
  const match = /^\s*(\d{1,12})\s*([kmg]?)i?b?\s*$/i.exec(String(input));
  if (match === null) return undefined;
  const factor = { '': 1, k: 1_024, m: 1_048_576, g: 1_073_741_824 }[(match[2] ?? '').toLowerCase()] ?? 1;
  return formatSize(Number(match[1]) * factor);
}

/** `2026-11-22T16:30:00Z` (RFC 3339 in UTC, whole seconds or milliseconds). */
export const momentPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$/;

/** Milliseconds since 1970; undefined when it is no such moment (also for a 31st of February). */
export function parseMoment(text: string): number | undefined {
  if (!momentPattern.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) || formatMoment(ms) !== text.replace('.000Z', 'Z') ? undefined : ms;
}

export function formatMoment(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}
