import type { Claim } from './claim.ts';
import { mostLineBytes, mostPeopleListed } from './limits.ts';
import { encodeLine } from './line-codec.ts';
import type { Person } from './protocol.ts';

/** Bytes left for people in a line of `who`; the rest is for its other fields. */
const pageBytes = mostLineBytes - 100;

/** The lines that answer `who`: at most `mostPeopleListed` of `total` people. */
export function encodePeople(claims: Iterable<Claim>, total: number): Buffer {
  const pages: Person[][] = [[]];
  let bytes = 0;
  let listed = 0;
  for (const { name, server } of claims) {
    if (listed === mostPeopleListed) break;
    listed += 1;
    const person = { name, server };
    const size = Buffer.byteLength(JSON.stringify(person)) + 1;
    if (bytes + size > pageBytes) {
      pages.push([]);
      bytes = 0;
    }
    bytes += size;
    pages.at(-1)?.push(person);
  }
  return Buffer.concat(
    pages.map((people, index) => encodeLine({ type: 'who', people, total, more: index < pages.length - 1 })),
  );
}
