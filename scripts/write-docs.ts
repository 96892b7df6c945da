/** `npm run docs`: writes the generated pages of docs/. A test holds them equal to what this writes. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generatedDocs } from './generated-docs.ts';

for (const [path, text] of generatedDocs()) {
  await mkdir('docs', { recursive: true });
  await writeFile(join('docs', path), text);
}
