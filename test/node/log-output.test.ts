import test from 'ava';
import fc from 'fast-check';
import { LogOutput } from '../../node/log-output.ts';
import { until } from '../until.ts';

/** A reader that takes so many bytes at a time, or answers with an error code. */
class Reader {
  #taken = Buffer.alloc(0);
  takes: number | string = Infinity;

  readonly take = (bytes: Uint8Array): number => {
    if (typeof this.takes === 'string') throw Object.assign(new Error(this.takes), { code: this.takes });
    const part = bytes.subarray(0, this.takes);
    this.#taken = Buffer.concat([this.#taken, part]);
    return part.length;
  };

  get text(): string {
    return this.#taken.toString();
  }
}

test('lines are written at once, whole, however little is taken at a time', (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.integer({ min: 1, max: 5 }), (lines, takes) => {
      const reader = new Reader();
      reader.takes = takes;
      const output = new LogOutput(reader.take);
      for (const line of lines) output.write(`${line}\n`);
      t.is(reader.text, lines.map((line) => `${line}\n`).join(''));
    }),
  );
});

for (const code of ['EAGAIN', 'ENOSPC', 'EIO']) {
  test(`what cannot be written (${code}) is kept and written later, in order`, async (t) => {
    const reader = new Reader();
    const output = new LogOutput(reader.take);
    reader.takes = code;
    output.write('one\n');
    output.write('two\n');
    t.is(reader.text, '');
    reader.takes = 3;
    await until(() => reader.text === 'one\ntwo\n', { describe: 'both lines to be written' });
    t.is(output.dropped, 0);
  });
}

test('what is too much to keep is dropped, counted, and told when lines can be written again', async (t) => {
  const reader = new Reader();
  const output = new LogOutput(reader.take, 10);
  output.onResumed = (dropped) => output.write(`${dropped} missing\n`);
  reader.takes = 'EAGAIN';
  for (const line of ['first\n', 'second\n', 'third\n']) output.write(line);
  t.is(output.dropped, 2);
  reader.takes = Infinity;
  await until(() => reader.text === 'first\n2 missing\n', { describe: 'the log to go on' });
  output.write('next\n');
  t.is(reader.text, 'first\n2 missing\nnext\n');
  t.is(output.dropped, 2);
});

test('a reader that is gone is not written to again', (t) => {
  const reader = new Reader();
  const output = new LogOutput(reader.take);
  reader.takes = 'EPIPE';
  output.write('one\n');
  reader.takes = Infinity;
  output.write('two\n');
  t.is(reader.text, '');
  t.is(output.dropped, 2);
});
