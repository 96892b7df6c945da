/**
 * The kinds of values a topology file has. The message of each schema is what was expected; the loader adds the
 * place, what came instead, and what was probably meant.
 */
import { z } from 'zod';
import { addressKind, canonicalAddress, parseEndpoint, type Endpoint } from '../../lib/address/index.ts';
import { nearest } from '../suggest.ts';
import {
  durationPattern,
  formatDuration,
  formatSize,
  momentPattern,
  parseDuration,
  parseMoment,
  parseSize,
  sizePattern,
  suggestDuration,
  suggestSize,
} from '../units.ts';
import { valueHints } from './documented.ts';

/** Names of clusters, services and nodes (a DNS label, so that they can be host names too). */
export const namePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;
const nameExpected = 'a name of lower-case letters, digits and "-", at most 63';

/** A valid name like `input`: `Chat_1` becomes `chat-1`; undefined when none is near. */
export function suggestName(input: unknown): string | undefined {
  const meant = String(input).toLowerCase().replace(/[_. ]/g, '-');
  if (!namePattern.test(meant)) return undefined;
  return typeof input === 'string' ? meant : `"${meant}" (in quotes)`;
}

export function name(): z.ZodString {
  const schema = z.string({ error: nameExpected }).regex(namePattern, { error: nameExpected });
  valueHints.add(schema, { hint: suggestName });
  return schema;
}

function measure(
  kind: {
    readonly what: string;
    readonly pattern: RegExp;
    readonly parse: (text: string) => number | undefined;
  },
  format: (value: number) => string,
  hint: (input: unknown) => string | undefined,
  [least, most]: readonly [number, number],
): z.ZodType<number, string> {
  const expected = `${kind.what} from ${format(least)} to ${format(most)}`;
  const schema = z
    .string({ error: expected })
    .regex(kind.pattern, { error: expected, abort: true })
    .transform((text, context) => {
      const value = kind.parse(text);
      if (value !== undefined && value >= least && value <= most) return value;
      context.addIssue({ code: 'custom', message: expected });
      return z.NEVER;
    });
  valueHints.add(schema, {
    hint(input) {
      const meant = hint(input);
      const value = meant === undefined || meant === input ? undefined : kind.parse(meant);
      return value !== undefined && value >= least && value <= most ? meant : undefined;
    },
  });
  return schema;
}

/** Text with a unit in the file, milliseconds after loading. */
export function duration(leastMs: number, mostMs: number): z.ZodType<number, string> {
  const what = 'a duration with a unit (250ms, 1s, 5m, 2h)';
  const kind = { what, pattern: durationPattern, parse: parseDuration };
  return measure(kind, formatDuration, suggestDuration, [leastMs, mostMs]);
}

/** Text with a unit in the file, bytes after loading. */
export function size(leastBytes: number, mostBytes: number): z.ZodType<number, string> {
  const kind = { what: 'a size with a unit (64KiB, 1MiB)', pattern: sizePattern, parse: parseSize };
  return measure(kind, formatSize, suggestSize, [leastBytes, mostBytes]);
}

const momentExpected = 'a moment in UTC, such as 2026-11-22T16:30:00Z';

/** Text in the file, milliseconds since 1970 after loading. */
export function moment(): z.ZodType<number, string> {
  return z
    .string({ error: momentExpected })
    .regex(momentPattern, { error: momentExpected, abort: true })
    .transform((text, context) => {
      const ms = parseMoment(text);
      if (ms !== undefined) return ms;
      context.addIssue({ code: 'custom', message: momentExpected });
      return z.NEVER;
    });
}

export function integer(least: number, most: number): z.ZodNumber {
  const expected = `a whole number from ${least} to ${most}`;
  const schema = z
    .number({ error: expected })
    .int({ error: expected, abort: true })
    .min(least, { error: expected })
    .max(most, { error: expected });
  valueHints.add(schema, {
    hint: (input) =>
      typeof input === 'string' && /^\d{1,9}$/.test(input) ? `${input} (no quotes)` : undefined,
  });
  return schema;
}

export function port(): z.ZodNumber {
  return integer(1, 65_535);
}

/** One of a few words. `unavailable` are words that will mean something later, with what to say of them today. */
export function choice<const Words extends readonly [string, ...string[]]>(
  words: Words,
  unavailable?: { readonly words: readonly string[]; readonly remark: string },
): z.ZodEnum<{ [Word in Words[number]]: Word }> {
  const expected = words.length === 1 ? words[0] : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  const schema = z.enum(words, {
    error: ({ input }) =>
      unavailable?.words.includes(String(input)) === true ? `${expected} (${unavailable.remark})` : expected,
  });
  valueHints.add(schema, {
    hint: (input) =>
      unavailable?.words.includes(String(input)) === true ? undefined : nearest(String(input), words),
  });
  return schema;
}

const interfaceExpected = 'the name of a network interface, such as eth0';

/** Name of a network interface, as the kernel allows it (dev_valid_name in net/core/dev.c). */
export function interfaceName(): z.ZodString {
  return z
    .string({ error: interfaceExpected })
    .regex(/^(?!\.{1,2}$)[^\s/:]{1,15}$/, { error: interfaceExpected });
}

const hostExpected = 'the IPv4 or IPv6 address of one machine (an address, not a host name)';

/** An address that others connect to: no wildcard, no group, nothing that needs an interface name beside it. */
function isHostAddress(host: string): boolean {
  const kind = addressKind(host);
  return kind === 'host' || kind === 'loopback';
}

/** An IP address of one machine; canonical text after loading. */
export function hostAddress(): z.ZodType<string, string> {
  return z.string({ error: hostExpected }).transform((text, context) => {
    const host = canonicalAddress(text);
    if (host !== undefined && isHostAddress(host)) return host;
    context.addIssue({ code: 'custom', message: hostExpected });
    return z.NEVER;
  });
}

/** An IP address with a port. `wildcard` also allows 0.0.0.0 and ::, which mean every address of the machine. */
export function endpoint(wildcard: 'wildcard allowed' | 'one machine'): z.ZodType<Endpoint, string> {
  const whose = wildcard === 'one machine' ? ' of one machine' : '';
  const expected = `an IP address${whose} and a port, such as 10.0.0.1:9000 or "[2001:db8::1]:9000" (an address, not a host name)`;
  const schema = z.string({ error: expected }).transform((text, context): Endpoint => {
    const parsed = parseEndpoint(text);
    const wild = parsed !== undefined && addressKind(parsed.host) === 'wildcard';
    if (parsed !== undefined && (wild ? wildcard === 'wildcard allowed' : isHostAddress(parsed.host))) {
      return parsed;
    }
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
  valueHints.add(schema, { hint: suggestEndpoint });
  return schema;
}

/** `2001:db8::1:9000` lacks its brackets. */
function suggestEndpoint(input: unknown): string | undefined {
  const match = /^([0-9a-fA-F:.]*:[0-9a-fA-F:.]*):(\d{1,5})$/.exec(String(input));
  if (match === null) return undefined;
  const meant = `[${match[1]}]:${match[2]}`;
  return parseEndpoint(meant) === undefined ? undefined : `"${meant}"`;
}
