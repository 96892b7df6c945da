#!/usr/bin/env node
// Plain old syntax, so that a Node that is too old is told so in one line instead of a syntax error.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`headgate: Node ${process.versions.node} is too old; install Node 20.19 or newer`);
  process.exit(2);
}
void import('../dist/cli/main.js').then(({ main }) => main(process.argv.slice(2)));
