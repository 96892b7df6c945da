#!/usr/bin/env node
// Plain old syntax, so that a Node that is too old is told so in one line instead of a syntax error.
import { readFileSync } from 'fs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`headgate: Node ${process.versions.node} is too old; install Node 20.19 or newer`);
  process.exit(2);
}

// The modules of the program are opened side by side: measured, 160 are too few at times and 192 never.
const fewestFiles = 256;
const files = openFilesLimit();
if (files < fewestFiles) {
  console.error(`headgate: only ${files} files may be open; raise ulimit -n to at least ${fewestFiles}`);
  process.exit(2);
}

import('../dist/cli/main.js').then(
  ({ main }) => main(process.argv.slice(2)),
  (error) => {
    const [line] = String((error && error.message) || error).split('\n');
    console.error(`headgate: the program cannot be loaded: ${line}; install it again, or run npm run build`);
    process.exit(1);
  },
);

// RLIMIT_NOFILE, soft; Node has raised it to the hard one. Infinity where nobody tells.
function openFilesLimit() {
  let limit;
  try {
    limit = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))[1];
  } catch {
    // No /proc: slower.
    try {
      limit = process.report.getReport().userLimits.open_files.soft;
    } catch {
      limit = undefined;
    }
  }
  const number = Number(limit);
  return number >= 0 ? number : Infinity;
}
