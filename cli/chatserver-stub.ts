import { createStartChatServer } from '../chatserver-stub/index.ts';
import type { Command } from './command.ts';
import { nodeOptionsHelp, nodeSignalsHelp, runNodeCommand } from './node-options.ts';
import { durationMs } from './options.ts';

/** Of `--push-interval`, milliseconds: without a pause nothing else would get its turn. */
const pushRangeMs = [1, 86_400_000] as const;

/** `--push-interval D` or `--push-interval=D` taken out of `args`; the rest are the shared options. */
function takePushInterval(args: readonly string[]): {
  readonly rest: readonly string[];
  readonly value: string | undefined;
} {
  const name = '--push-interval';
  const index = args.findIndex((arg) => arg === name || arg.startsWith(`${name}=`));
  if (index < 0) return { rest: args, value: undefined };
  const joined = args[index]!.startsWith(`${name}=`);
  return {
    rest: args.toSpliced(index, joined ? 1 : 2),
    value: joined ? args[index]!.slice(name.length + 1) : (args[index + 1] ?? ''),
  };
}

export const chatserverStubCommand: Command = {
  help: `Usage: headgate chatserver-stub --topology FILE [--node NAME] [--push-interval DURATION]

Runs one chat server of the topology in the foreground until it is told to end. The protocol is in
docs/chat-protocol.md.

${nodeOptionsHelp}
  --push-interval DURATION   push a small message to everybody this often, for load tests

${nodeSignalsHelp}

Example: headgate chatserver-stub --topology /etc/headgate/topology.yaml --node c1`,
  run(args, io) {
    const { rest, value } = takePushInterval(args);
    const pushIntervalMs = durationMs('push-interval', value, pushRangeMs);
    return runNodeCommand(
      'chatserver',
      createStartChatServer(pushIntervalMs === undefined ? {} : { pushIntervalMs }),
      rest,
      io,
    );
  },
};
