import { balancerCommand } from './balancer.ts';
import { chat } from './chat.ts';
import { chatserverStubCommand } from './chatserver-stub.ts';
import type { Command } from './command.ts';
import { directorCommand } from './director.ts';
import { explainCommand } from './explain.ts';
import { prepareHostCommand } from './prepare-host.ts';
import { statusCommand } from './status.ts';
import { topologyCommands } from './topology-commands.ts';
import { upCommand } from './up.ts';

/** Every subcommand, in the order of the overview. */
export const commands: readonly Command[] = [
  upCommand,
  statusCommand,
  directorCommand,
  balancerCommand,
  chatserverStubCommand,
  chat,
  explainCommand,
  prepareHostCommand,
  ...topologyCommands,
];
