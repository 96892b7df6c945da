import { HeadgateError } from './headgate-error.ts';

/** The code of a failed system call (`ECONNREFUSED`), or undefined when `error` is not one. */
export function errnoCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : undefined;
}

/**
 * One line for people: the cause chain, outermost first, joined by ": ", then the cure of the outermost
 * HeadgateError in the chain that has one. Never contains a line break.
 */
export function describeError(error: unknown): string {
  const links: string[] = [];
  let cure = '';
  const seen = new Set<unknown>();
  for (let link: unknown = error; link !== undefined && !seen.has(link);) {
    seen.add(link);
    links.push(link instanceof Error ? link.message || link.name : String(link as string));
    if (cure === '' && link instanceof HeadgateError) cure = link.cure;
    link = link instanceof Error ? link.cause : undefined;
  }
  const chain = links.join(': ').replace(/\s*\n\s*/g, ' ');
  return cure === '' ? chain : `${chain}; ${cure}`;
}
