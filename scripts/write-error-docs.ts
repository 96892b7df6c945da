/** The list of errors, written from the catalogue. */
import { catalogue, type CatalogueEntry } from '../lib/errors/index.ts';

const introduction = `# Errors

Every error headgate tells has a stable code. Messages say what failed and why, then what to do about it. This page is
generated from the catalogue in \`lib/errors/catalogue\` by \`npm run docs\`.
`;

/** The text of docs/errors.md: one section per code, in the order of their names. */
export function errorDocs(): string {
  const rows = Object.entries<CatalogueEntry>(catalogue).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const sections = rows.map(([code, { meaning, cure }]) => {
    const what = cure === '' ? 'nothing to do' : cure;
    return `## ${code}\n\n${meaning}\n\nCure: ${what}.\n`;
  });
  return `${introduction}\n${sections.join('\n')}`;
}
