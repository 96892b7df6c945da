import test from 'ava';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { catalogue, type CatalogueEntry } from '../../lib/errors/index.ts';
import { environment } from '../../node/index.ts';
import { generatedDocs } from '../../scripts/generated-docs.ts';

const areas = ['balancer', 'bench', 'chatserver-stub', 'cli', 'director', 'lib', 'node', 'topology'];

/** Every source file of the product, without the catalogue. */
async function sources(): Promise<readonly (readonly [string, string])[]> {
  const files: (readonly [string, string])[] = [];
  for (const area of areas) {
    const names = await readdir(area, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    for (const name of names) {
      const path = join(area, name);
      if (!path.endsWith('.ts') || path.startsWith(join('lib', 'errors', 'catalogue'))) continue;
      files.push([path, await readFile(path, 'utf8')]);
    }
  }
  return files;
}

/** Codes written as string literals: HEADGATE_, the area, and at least one word more. Variables of the environment are none. */
function codesIn(text: string): readonly string[] {
  const variables: readonly string[] = Object.values(environment);
  return [...text.matchAll(/(['"`])(HEADGATE_[A-Z0-9]+_[A-Z0-9_]+)\1/g)]
    .map(([, , code = '']) => code)
    .filter((code) => !variables.includes(code));
}

for (const [name, text] of generatedDocs()) {
  test(`docs/${name} is what npm run docs writes`, async (t) => {
    t.is(await readFile(join('docs', name), 'utf8'), text, 'run npm run docs');
  });
}

test('docs/errors.md and the error catalogue agree both ways', async (t) => {
  const page = await readFile(join('docs', 'errors.md'), 'utf8');
  const headings = [...page.matchAll(/^## (\S+)$/gm)].map(([, code = '']) => code);
  t.deepEqual(headings, Object.keys(catalogue).toSorted());
});

test('every error has a meaning that is a sentence and a cure that is none', (t) => {
  for (const [code, { meaning, cure }] of Object.entries<CatalogueEntry>(catalogue)) {
    t.regex(meaning, /^[^a-z].*\.$/s, code);
    t.notRegex(cure, /\.$|^[A-Z][a-z]/, code);
  }
});

test('every code of the catalogue is used in the sources', async (t) => {
  const used = new Set((await sources()).flatMap(([, text]) => codesIn(text)));
  t.deepEqual(
    Object.keys(catalogue).filter((code) => !used.has(code)),
    [],
  );
});

test('every code in the sources is in the catalogue', async (t) => {
  const unknown = (await sources()).flatMap(([path, text]) =>
    codesIn(text)
      .filter((code) => !Object.hasOwn(catalogue, code))
      .map((code) => `${path}: ${code}`),
  );
  t.deepEqual(unknown, []);
});
