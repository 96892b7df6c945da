/** The `headgate` command: finds the subcommand, runs it, tells what failed, sets the exit code. */
import { describeError, isHeadgateError, type ErrorCode } from '../lib/errors/index.ts';
import { exitCodes, type CommandIo, type ListedCommand } from './command.ts';
import { commands } from './commands.ts';

/** Runs `args` (without node and script) and returns the exit code; never throws. */
export async function runCommand(args: readonly string[], io: CommandIo): Promise<number> {
  try {
    return await dispatch(args, io);
  } catch (error) {
    io.err(`headgate: ${describeError(error)}`);
    return isUsage(error) ? exitCodes.usage : exitCodes.failed;
  }
}

/** What is wrong before anything is done: the command line, a name or address in it, or the topology. */
const usageCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'HEADGATE_CLI_USAGE',
  'HEADGATE_TOPOLOGY_INVALID',
  'HEADGATE_TOPOLOGY_NO_SUCH_NODE',
  'HEADGATE_TOPOLOGY_UNKNOWN_NAME',
  'HEADGATE_TOPOLOGY_DUPLICATE_NAME',
  'HEADGATE_CHAT_ADDRESS',
  'HEADGATE_CHAT_NAME',
]);

/** Wherever in the chain: exit code 2. */
function isUsage(error: unknown): boolean {
  for (let link = error; link instanceof Error; link = link.cause)
    if (isHeadgateError(link) && usageCodes.has(link.code)) return true;
  return false;
}

async function dispatch(args: readonly string[], io: CommandIo): Promise<number> {
  const [first] = args;
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    io.out(await overview());
    return first === undefined ? exitCodes.usage : exitCodes.done;
  }
  if (first === '--version' || first === '-v') {
    io.out(`headgate ${await ownVersion()}`);
    return exitCodes.done;
  }
  const listed = listedCommand(args);
  if (listed === undefined) return unknownCommand(args, io);
  const command = await listed.load();
  const rest = args.slice(listed.name.split(' ').length);
  if (rest.includes('--help') || rest.includes('-h')) {
    io.out(command.help.trim());
    return exitCodes.done;
  }
  return command.run(rest, io);
}

function listedCommand([first, second]: readonly string[]): ListedCommand | undefined {
  return (
    commands.find(({ name }) => name === `${first} ${second ?? ''}`) ??
    commands.find(({ name }) => name === first)
  );
}

async function unknownCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const [first, second] = args;
  const family = commands.filter(({ name }) => name.startsWith(`${first} `));
  if (family.length > 0 && (second === undefined || second === '--help' || second === '-h')) {
    io.out(list(family));
    return second === undefined ? exitCodes.usage : exitCodes.done;
  }
  if (family.length > 0 && second?.startsWith('-') === true) {
    io.err(`headgate: unknown option '${second}'; run headgate ${first} --help for the list`);
    return exitCodes.usage;
  }
  const typed = family.length > 0 ? `${first} ${second}` : first!;
  const names = (family.length > 0 ? family : commands).map(({ name }) => name);
  const { nearest } = await import('../topology/index.ts');
  const suggestion = nearest(typed, names);
  io.err(
    `headgate: no command "${typed}"; ${suggestion === undefined ? 'run headgate --help for the list' : `did you mean ${suggestion}?`}`,
  );
  return exitCodes.usage;
}

function list(some: readonly ListedCommand[]): string {
  const width = Math.max(...some.map(({ name }) => name.length));
  return some.map(({ name, summary }) => `  headgate ${name.padEnd(width)}   ${summary}`).join('\n');
}

async function overview(): Promise<string> {
  return `headgate ${await ownVersion()}: a two-tier load balancer for clients that stay connected

${list(commands)}
  headgate --version

Exit codes: 0 done, 1 failed, 2 wrong command line or invalid topology; topology plan has more.
Every command has --help with an example. Start here: headgate up examples/local/topology.yaml`;
}

async function ownVersion(): Promise<string> {
  return (await import('../node/index.ts')).version;
}

/** Entry of bin/headgate.js. */
export async function main(args: readonly string[]): Promise<void> {
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => abort.abort(signal));
  const finishes = listedCommand(args)?.finishes === true;
  let isWritable = true;
  // A reader such as `head` that closes the pipe ends the output, not the program with a stack trace.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!isWritable) return;
    isWritable = false;
    const isGone = error.code === 'EPIPE';
    if (!isGone) process.stderr.write(`headgate: cannot write to standard output: ${describeError(error)}\n`);
    const code = isGone ? exitCodes.done : exitCodes.failed;
    // Half a change because nobody looks on would be worse than none.
    if (!finishes) process.exit(code);
    // This may come before the command has ended, or after.
    process.exitCode ||= code;
  });
  // There is no other place to tell it; the exit code tells the rest.
  process.stderr.on('error', () => undefined);
  const code = await runCommand(args, {
    out: (text) => {
      if (isWritable) process.stdout.write(`${text}\n`);
    },
    err: (text) => void process.stderr.write(`${text}\n`),
    stdin: process.stdin,
    stdout: process.stdout,
    env: process.env,
    signal: abort.signal,
  });
  if (code !== exitCodes.done) process.exitCode = code;
}
