import test, { type Implementation } from 'ava';

/**
 * `test`, or a skipped test whose title says why, when something that it needs is missing:
 * `const labTest = testUnless(probeLab())`. Serial, because such tests are heavy.
 */
export function testUnless(missing: string | undefined): (title: string, run: Implementation<[]>) => void {
  if (missing === undefined) return (title, run) => test.serial(title, run);
  return (title, run) => test.serial.skip(`${title} (skipped: ${missing})`, run);
}
