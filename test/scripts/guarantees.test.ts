import { readFile } from 'node:fs/promises';
import test from 'ava';

const page = 'docs/guarantees.md';

interface Guard {
  /** Line of the page, from 1. */
  readonly line: number;
  readonly file: string;
  readonly title: string;
}

interface Row {
  readonly line: number;
  readonly demand: string;
  readonly guards: readonly Guard[];
  /** Why nothing guards it: `not yet` or `by hand`. */
  readonly unguarded: string | undefined;
}

/** The rows of the tables of the page, or of a part of it: `| demand | guards |`. */
function rowsOf(part: string): readonly Row[] {
  return part.split('\n').flatMap((source, index) => {
    const [, demand, cell] = /^\| (.+?) +\| (.+?) +\|$/.exec(source) ?? [];
    if (demand === undefined || cell === undefined) return [];
    if (demand.startsWith('---') || ['guarded by', 'how', 'state'].includes(cell)) return [];
    const line = index + 1;
    const guards = cell.split(' <br> ').flatMap((each) => {
      const [, file, title] = /^`([^`]+)`: (.+)$/.exec(each) ?? [];
      return file === undefined || title === undefined ? [] : [{ line, file, title }];
    });
    return [{ line, demand, guards, unguarded: /^(not yet|by hand): ./.exec(cell)?.[1] }];
  });
}

test('every guard is a test that exists', async (t) => {
  const rows = rowsOf(await readFile(page, 'utf8'));
  t.true(rows.length > 100, `${rows.length} rows`);
  for (const { file, title, line } of rows.flatMap(({ guards }) => guards)) {
    const source = await readFile(file, 'utf8').catch(() => undefined);
    if (source === undefined) t.fail(`${page}:${line}: there is no ${file}`);
    else t.true(source.includes(title), `${page}:${line}: ${file} has no "${title}"`);
  }
});

test('every demand has a guard, or it is said why not', async (t) => {
  for (const { line, demand, guards, unguarded } of rowsOf(await readFile(page, 'utf8')))
    t.true(unguarded !== undefined || guards.length > 0, `${page}:${line}: nothing guards "${demand}"`);
});

test('every promise is there, and what works is apart from what does not yet', async (t) => {
  const text = await readFile(page, 'utf8');
  const parts = text.split(/^## (?=Seen by hand|What comes later)/m).map((part) => rowsOf(part));
  const kinds = parts.map((rows) => [...new Set(rows.map(({ unguarded }) => unguarded ?? 'guarded'))]);
  const [works, seen, later = []] = kinds;
  t.deepEqual([works, seen], [['guarded'], ['by hand']]);
  t.deepEqual(
    later.filter((kind) => kind !== 'not yet'),
    [],
  );
  t.is(kinds.length, 3);
  const promises = parts.map((rows) =>
    [...new Set(rows.map(({ demand }) => Number.parseInt(demand, 10)))].filter(Number.isInteger),
  );
  t.deepEqual(promises[0], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 'promises with a guard');
});
