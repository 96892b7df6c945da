/** `npm run bench -- NAME [arguments]`: runs one bench. Each says in its first comment what it measures and takes. */
import { existsSync, readdirSync } from 'node:fs';
import { systemPath } from './system-path.ts';

const folder = new URL('.', import.meta.url);
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(new URL(`${entry.name}/index.js`, folder)))
  .map(({ name }) => name);

const [, , name = ''] = process.argv;
if (names.includes(name)) {
  // The bench reads its own arguments where it would find them if it were started alone.
  process.argv.splice(2, 1);
  process.env['PATH'] = systemPath(process.env['PATH'] ?? '');
  await import(`./${name}/index.js`);
} else {
  console.error(`usage: npm run bench -- ${names.join('|')} [arguments]`);
  process.exitCode = 2;
}
