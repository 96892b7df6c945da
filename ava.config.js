/**
 * Tests that run whole clusters begin first: they wait more than they compute, and one of them alone at the end would
 * keep the others' processor idle.
 */
const longest = ['/test/system/', '/test/fuzz/', '/test/director/', '/test/peers/'];

function place(file) {
  const found = longest.findIndex((folder) => file.replaceAll('\\', '/').includes(folder));
  return found === -1 ? longest.length : found;
}

const rooms = [
  'balancer',
  'chatserver-stub',
  'cli',
  'director',
  'lib',
  'node',
  'scripts',
  'test',
  'topology',
];

export default {
  files: ['test/**/*.test.ts'],
  typescript: {
    rewritePaths: Object.fromEntries(rooms.map((room) => [`${room}/`, `dist/${room}/`])),
    compile: 'tsc',
  },
  workerThreads: false,
  // Two for each core that two cores have: others go on while clusters wait.
  concurrency: 4,
  timeout: '60s',
  sortTestFiles: (one, other) => place(one) - place(other) || (one < other ? -1 : 1),
};
