/**
 * The lines of the chat protocol (docs/chat-protocol.md) that the load and its chat server use, written and read without making
 * objects: fixed keys in a fixed order, names of `u` and eight digits, texts that carry the sender's number of the message and
 * when it was due.
 */

/** Longest line here. */
export const lineRoom = 128;
const userDigits = 8;
const numberDigits = 8;
const timeDigits = 10;
/** Times go round after as many microseconds (2.7 hours). */
const timeRound = 10 ** timeDigits;

const [zero, nine, quote, lineFeed] = [0x30, 0x39, 0x22, 0x0a];
const encoder = new TextEncoder();
const bytesOf = (text: string): Uint8Array => encoder.encode(text);

/** Processes are interrupted between two looks at a clock: the closest of several pairs counts. */
const clockLooks = 50;
const clockOffsetUs = clockOffset();

function clockOffset(): number {
  const offsets = Array.from({ length: clockLooks }, () => {
    const us = Number(process.hrtime.bigint() / 1_000n);
    return us - performance.now() * 1_000;
  });
  return Math.max(...offsets);
}

/** Microseconds of CLOCK_MONOTONIC, the same for all processes of a machine. */
export function nowUs(): number {
  return Math.round(clockOffsetUs + performance.now() * 1_000);
}

/** Microseconds since `us`, a time as it stands in a line; 0 when it seems to lie ahead. */
export function sinceUs(us: number): number {
  const since = (((nowUs() - us) % timeRound) + timeRound) % timeRound;
  return since < timeRound / 2 ? since : 0;
}

/** Writes one line after the other piece; begin(), pieces, and `bytes` tells the length. */
class LineWriter {
  #into: Uint8Array = new Uint8Array(0);
  #at = 0;
  #first = 0;

  begin(into: Uint8Array, at: number): this {
    this.#into = into;
    this.#first = this.#at = at;
    return this;
  }

  text(piece: Uint8Array): this {
    this.#into.set(piece, this.#at);
    this.#at += piece.length;
    return this;
  }

  /** Padded with zeros. */
  padded(value: number, digits: number): this {
    let rest = value;
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      this.#into[at] = zero + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    this.#at += digits;
    return this;
  }

  number(value: number): this {
    let digits = 1;
    for (let least = 10; least <= value; least *= 10) digits++;
    return this.padded(value, digits);
  }

  get bytes(): number {
    return this.#at - this.#first;
  }
}

const writer = new LineWriter();
const piece = {
  login: bytesOf('{"type":"login","name":"u'),
  endName: bytesOf('"}\n'),
  tell: bytesOf('{"type":"tell","to":"u'),
  text: bytesOf('","text":"'),
  at: bytesOf('@'),
  id: bytesOf('","id":'),
  endNumber: bytesOf('}\n'),
  welcome: bytesOf('{"type":"welcome","name":"u'),
  server: bytesOf('","server":"'),
  people: bytesOf('","people":'),
  told: bytesOf('{"type":"told","from":"u'),
  endText: bytesOf('"}\n'),
  delivered: bytesOf('{"type":"delivered","id":'),
  noPerson: bytesOf('{"type":"error","code":"no-such-person","message":"nobody has this name","id":'),
  push: bytesOf('{"type":"push","seq":'),
  pushedAt: bytesOf(',"at":"'),
};

/** Each writes a line into `into` from `at` on and returns its length. */
export function writeLogin(into: Uint8Array, at: number, user: number): number {
  return writer.begin(into, at).text(piece.login).padded(user, userDigits).text(piece.endName).bytes;
}

export function writeTell(into: Uint8Array, at: number, to: number, id: number, dueUs: number): number {
  writer.begin(into, at).text(piece.tell).padded(to, userDigits).text(piece.text);
  writer
    .padded(id, numberDigits)
    .text(piece.at)
    .padded(dueUs % timeRound, timeDigits);
  return writer.text(piece.id).number(id).text(piece.endNumber).bytes;
}

export function writeWelcome(
  into: Uint8Array,
  at: number,
  user: number,
  server: Uint8Array,
  people: number,
): number {
  writer.begin(into, at).text(piece.welcome).padded(user, userDigits).text(piece.server).text(server);
  return writer.text(piece.people).number(people).text(piece.endNumber).bytes;
}

/** `text` is the text of a tell, as it came. */
export function writeTold(
  into: Uint8Array,
  at: number,
  from: number,
  server: Uint8Array,
  text: Uint8Array,
): number {
  writer.begin(into, at).text(piece.told).padded(from, userDigits).text(piece.server).text(server);
  return writer.text(piece.text).text(text).text(piece.endText).bytes;
}

export function writeDelivered(into: Uint8Array, at: number, id: number): number {
  return writer.begin(into, at).text(piece.delivered).number(id).text(piece.endNumber).bytes;
}

export function writeNoSuchPerson(into: Uint8Array, at: number, id: number): number {
  return writer.begin(into, at).text(piece.noPerson).number(id).text(piece.endNumber).bytes;
}

export function writePush(into: Uint8Array, at: number, seq: number, sentUs: number): number {
  writer.begin(into, at).text(piece.push).number(seq).text(piece.pushedAt);
  return writer.padded(sentUs % timeRound, timeDigits).text(piece.endText).bytes;
}

export type LineKind = 'login' | 'tell' | 'welcome' | 'told' | 'delivered' | 'error' | 'push' | 'other';

/** What a line says; fields a kind does not have keep what they had. */
export interface Line {
  kind: LineKind;
  /** Whose name it is, who tells, or who is told. */
  user: number;
  /** Digits of the server's name: 12 of `c12`. */
  server: number;
  /** The sender's number of the message, of its text. */
  number: number;
  /** When it was due or sent. */
  us: number;
  /** `id`, or `seq` of a push. */
  id: number;
  /** Where the text of a tell lies. */
  textStart: number;
  textEnd: number;
}

export function emptyLine(): Line {
  return { kind: 'other', user: 0, server: 0, number: 0, us: 0, id: 0, textStart: 0, textEnd: 0 };
}

const typeAt = bytesOf('{"type":"').length;
const letter = (text: string): number => text.charCodeAt(0);
const letters = { l: letter('l'), o: letter('o'), t: letter('t'), e: letter('e'), w: letter('w') };
const more = { d: letter('d'), p: letter('p'), u: letter('u') };

/** Reads the line from `start` up to its line feed at `end`. Lines of others, and those it does not know, are `other`. */
export function readLine(bytes: Uint8Array, start: number, end: number, into: Line): void {
  const first = bytes[start + typeAt];
  const second = bytes[start + typeAt + 1];
  into.kind = 'other';
  if (first === letters.t && second === letters.e) readTell(bytes, start, end, into);
  else if (first === letters.t && second === letters.o) readTold(bytes, start, into);
  else if (first === more.d) {
    into.kind = 'delivered';
    into.id = digits(bytes, start + piece.delivered.length);
  } else if (first === more.p && second === more.u) {
    into.kind = 'push';
    into.id = digits(bytes, start + piece.push.length);
    into.us = digits(bytes, end - piece.endText.length + 1 - timeDigits);
  } else if (first === letters.w) {
    into.kind = 'welcome';
    const nameAt = start + piece.welcome.length;
    into.user = digits(bytes, nameAt);
    into.server = digits(bytes, nameAt + userDigits + piece.server.length + 1);
  } else if (first === letters.l && second === letters.o) {
    into.kind = 'login';
    into.user = digits(bytes, start + piece.login.length);
  } else if (first === letters.e) into.kind = 'error';
}

function readTell(bytes: Uint8Array, start: number, end: number, into: Line): void {
  const userAt = start + piece.tell.length;
  into.kind = 'tell';
  into.user = digits(bytes, userAt);
  into.textStart = userAt + userDigits + piece.text.length;
  into.textEnd = bytes.indexOf(quote, into.textStart);
  into.id = digits(bytes, into.textEnd + piece.id.length);
  if (into.textEnd < 0 || into.textEnd > end) into.kind = 'other';
}

function readTold(bytes: Uint8Array, start: number, into: Line): void {
  const userAt = start + piece.told.length;
  const serverAt = userAt + userDigits + piece.server.length;
  const textAt = bytes.indexOf(quote, serverAt) + piece.text.length;
  into.kind = 'told';
  into.user = digits(bytes, userAt);
  into.server = digits(bytes, serverAt + 1);
  into.number = digits(bytes, textAt);
  into.us = digits(bytes, textAt + numberDigits + piece.at.length);
}

/** The number that begins at `at`; 0 when there is none. */
function digits(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let index = at; ; index++) {
    const digit = bytes[index]!;
    if (!(digit >= zero && digit <= nine)) return value;
    value = value * 10 + (digit - zero);
  }
}

/** Cuts what connections hear into lines. Keeps bytes only of those that stopped within a line. */
export class LineCutter {
  readonly #begun = new Map<number, Uint8Array>();

  /** Calls `each` with every whole line of connection `slot`: where it begins, and where its line feed is. */
  cut(slot: number, heard: Uint8Array, each: (bytes: Uint8Array, start: number, end: number) => void): void {
    let bytes = heard;
    const begun = this.#begun.size === 0 ? undefined : this.#begun.get(slot);
    if (begun !== undefined) {
      this.#begun.delete(slot);
      bytes = new Uint8Array(begun.length + heard.length);
      bytes.set(begun);
      bytes.set(heard, begun.length);
    }
    let start = 0;
    while (start < bytes.length) {
      const end = bytes.indexOf(lineFeed, start);
      if (end < 0) break;
      each(bytes, start, end);
      start = end + 1;
    }
    if (start < bytes.length) this.#begun.set(slot, bytes.slice(start));
  }

  forget(slot: number): void {
    this.#begun.delete(slot);
  }
}
