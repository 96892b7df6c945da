import { formatEndpoint, parseEndpoint } from '../lib/address/index.ts';
import type { ControlConnection, Json } from '../lib/control/index.ts';
import { HeadgateError } from '../lib/errors/index.ts';
import { explainMethod, type ExplainedClient } from '../director/index.ts';
import { controlEndpoints, environment } from '../node/index.ts';
import { askTimeoutMs, closeAll, connectLocalNodes, connectNode, openTopology } from './cluster-access.ts';
import { exitCodes, type Command } from './command.ts';
import { parseOptions, usageError } from './options.ts';

export const explainCommand: Command = {
  help: `Usage: headgate explain CLIENT_IP:PORT [--service NAME] [--json] [--topology FILE]

Asks a director where a connection from this client address and port goes: service, hash, slot, balancer, and why
the other balancers are or are not eligible.

  --service NAME    default: every service
  --json            the answer as JSON
  --topology FILE   ask the directors of this topology; default: $HEADGATE_TOPOLOGY, else one on this machine

Example: headgate explain 198.51.100.7:40123`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, {
      service: { type: 'string' },
      json: { type: 'boolean' },
      topology: { type: 'string' },
    });
    const client = parseEndpoint(positionals[0] ?? '');
    if (client === undefined || positionals.length > 1)
      throw usageError(
        `expected one client as IP:PORT, got ${positionals.length === 0 ? 'none' : positionals.join(' ')}`,
        'write it as 198.51.100.7:40123 or [2001:db8::7]:40123',
      );
    const question: Json = {
      client: formatEndpoint(client),
      ...(values.service === undefined ? {} : { service: values.service }),
    };
    const file = values.topology ?? io.env[environment.topology];
    const answer =
      file === undefined ? await askLocal(question, io.env) : await askRemote(file, question, io.env);
    // Only a director with the cluster secret can have answered, and it runs this code.
    const { explanations } = answer as unknown as { readonly explanations: readonly ExplainedClient[] };
    io.out(values.json ? JSON.stringify(answer) : explanations.map(renderExplanation).join('\n\n'));
    return exitCodes.done;
  },
};

async function askLocal(question: Json, env: Readonly<NodeJS.ProcessEnv>): Promise<Json> {
  const nodes = await connectLocalNodes(env);
  try {
    const director = nodes.find(({ status }) => status.tier === 'director');
    if (director === undefined)
      throw new HeadgateError('HEADGATE_CLI_NO_DIRECTOR', 'no director runs on this machine');
    return await director.connection.request(explainMethod, question, askTimeoutMs);
  } finally {
    closeAll(nodes);
  }
}

async function askRemote(file: string, question: Json, env: Readonly<NodeJS.ProcessEnv>): Promise<Json> {
  const access = await openTopology(file, env);
  let failure: unknown;
  for (const address of controlEndpoints(access.topology).filter(({ tier }) => tier === 'director')) {
    let connection: ControlConnection;
    try {
      connection = await connectNode(access, address);
    } catch (error) {
      failure = error;
      continue;
    }
    try {
      return await connection.request(explainMethod, question, askTimeoutMs);
    } finally {
      connection.close();
    }
  }
  throw new HeadgateError('HEADGATE_CLI_NO_DIRECTOR', 'no director answers', { cause: failure });
}

/** One service's explanation as a few lines for people. */
export function renderExplanation(explained: ExplainedClient): string {
  const { service, listen, client, mode, hash, slot, slots, balancer, endpoint, eligible, others } =
    explained;
  return [
    `${client} to service ${service} (${listen}), forwarding: ${mode}`,
    `  hash          ${hash}, slot ${slot} of ${slots}`,
    `  balancer      ${balancer === null ? 'none: a new connection is refused' : `${balancer} (${endpoint})`}`,
    ...list('eligible', eligible, (each) => `${each.balancer}: weight ${each.weight}, ${each.slots} slots`),
    ...list('not eligible', others, (each) => `${each.balancer}: ${each.why}`),
    `  established   ${establishedText(explained)}`,
  ].join('\n');
}

/** Where the client is now, and whether that is sure to stay so. */
function establishedText({ established, flow }: ExplainedClient): string {
  if (established === null) return 'no connection of this client now';
  if (flow === null) return established;
  const sure = flow.confirmed ? 'confirmed' : 'not confirmed yet';
  return `${established} (flow entry: ${flow.mode}, ${flow.state}, ${sure})`;
}

function list<Item>(label: string, items: readonly Item[], tell: (item: Item) => string): readonly string[] {
  return items.map((item, index) => `  ${(index === 0 ? label : '').padEnd(12)}  ${tell(item)}`);
}
