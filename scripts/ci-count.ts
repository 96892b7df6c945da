/** `ci-count EXITCODE < OUTPUT`: closes a test run with one plain line and the exit code that it deserves. */
import { text } from 'node:stream/consumers';
import { countResults } from './count-results.ts';

const given = process.argv[2] ?? '';
if (!/^\d+$/.test(given)) throw new Error('usage: ci-count EXITCODE < OUTPUT');
const { passed, failed, exitCode } = countResults(await text(process.stdin), Number(given));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = exitCode;
