import test from 'ava';
import fc from 'fast-check';
import { encodeLine, LineDecoder, overlong } from '../../chatserver-stub/line-codec.ts';

/** Everything a decoder has to give. */
function drain(decoder: LineDecoder): (string | typeof overlong)[] {
  const lines: (string | typeof overlong)[] = [];
  for (;;) {
    const line = decoder.next();
    if (line === undefined) return lines;
    lines.push(line === overlong ? line : line.toString());
    if (line === overlong) return lines;
  }
}

/** Cuts bytes at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1))), bytes.length];
  let start = 0;
  return ends
    .toSorted((one, other) => one - other)
    .map((end) => {
      const chunk = bytes.subarray(start, end);
      start = end;
      return chunk;
    });
}

const text = fc.string({ unit: 'binary' }).filter((value) => !/[\r\n]/.test(value));

test('lines come out as they went in, however the bytes are cut and whenever they are asked for', (t) => {
  fc.assert(
    fc.property(
      fc.array(text),
      fc.array(fc.nat()),
      fc.infiniteStream(fc.boolean()),
      (lines, places, asks) => {
        const wanted = lines.map((line) => Buffer.from(line).toString());
        const decoder = new LineDecoder(1_000);
        const got: (string | typeof overlong)[] = [];
        for (const chunk of cut(Buffer.from(lines.map((line) => `${line}\n`).join('')), places)) {
          decoder.push(chunk);
          if (asks.next().value === true) got.push(...drain(decoder));
        }
        got.push(...drain(decoder));
        t.deepEqual(got, wanted);
        t.is(decoder.bufferedBytes, 0);
      },
    ),
  );
});

test('what encodeLine makes is one line that parses to the same message', (t) => {
  fc.assert(
    fc.property(fc.object(), (message) => {
      const decoder = new LineDecoder(1_000_000);
      const bytes = encodeLine(message);
      decoder.push(bytes);
      const [line, ...others] = drain(decoder);
      t.deepEqual(others, []);
      t.is(line, JSON.stringify(message));
    }),
  );
});

test('a line may be exactly as long as allowed', (t) => {
  const decoder = new LineDecoder(8);
  decoder.push(Buffer.from('12345678\n123456789\n'));
  t.deepEqual(drain(decoder), ['12345678', overlong]);
  t.is(decoder.next(), overlong, 'and nothing comes after one that is too long');
});

test('a line without end is over-long as soon as it cannot fit, and holds no more than that', (t) => {
  const decoder = new LineDecoder(8);
  decoder.push(Buffer.from('12345678'));
  t.is(decoder.next(), undefined);
  decoder.push(Buffer.from('9'));
  t.is(decoder.next(), overlong);
});

test('the carriage return of telnet is not part of the line', (t) => {
  const decoder = new LineDecoder();
  decoder.push(Buffer.from('one\r\n\r\ntwo\rthree\n'));
  t.deepEqual(drain(decoder), ['one', '', 'two\rthree']);
});
