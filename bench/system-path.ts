/**
 * Where the machine's own programs are: `path` (PATH, parts with colons between) without what npm puts in front for the programs
 * of packages. One of those is called nft like the program that peers are set up with.
 */
export function systemPath(path: string): string {
  return path
    .split(':')
    .filter((part) => !part.endsWith('/node_modules/.bin'))
    .join(':');
}
