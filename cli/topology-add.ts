import { addBalancer, addChatServer, addDirector } from '../topology/index.ts';
import type { Command } from './command.ts';
import { parseOptions, usageError } from './options.ts';
import { wholeNumber, wordsAndFile } from './topology-arguments.ts';
import { changeOptions, changeOptionsHelp, changeTopology } from './topology-change.ts';

const options = {
  host: { type: 'string' },
  address: { type: 'string' },
  port: { type: 'string' },
  control: { type: 'string' },
  weight: { type: 'string' },
  probe: { type: 'string' },
  'max-connections': { type: 'string' },
  backup: { type: 'boolean' },
  service: { type: 'string', multiple: true },
} as const;
type Option = keyof typeof options;

/** Which options each kind of node takes; the first one it must have. */
const kinds: Readonly<Record<string, readonly [Option, ...Option[]]>> = {
  director: ['host', 'control'],
  balancer: ['host', 'port', 'control', 'weight', 'service'],
  chatserver: ['address', 'control', 'weight', 'probe', 'max-connections', 'backup', 'service'],
};

/** Adds a node to a topology file. */
export const topologyAdd: Command = {
  help: `usage: headgate topology add director   NAME --host ADDRESS [--control PORT] [FILE]
       headgate topology add balancer   NAME --host ADDRESS [--port PORT] [--control PORT] [--weight N]
                                        [--service NAME]... [FILE]
       headgate topology add chatserver NAME --address ADDRESS:PORT [--control PORT] [--weight N]
                                        [--probe headgate|tcp|off] [--max-connections N] [--backup]
                                        [--service NAME]... [options] [FILE]

Comments and layout of the file stay. --service also puts the node on the list of a service that names its own
nodes. What would make the topology invalid is refused. FILE defaults to $HEADGATE_TOPOLOGY.

${changeOptionsHelp}

examples: headgate topology add balancer b3 --host 127.0.1.3 examples/local/topology.yaml
          headgate topology add chatserver c4 --address 127.0.2.4:7000 examples/local/topology.yaml`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, { ...options, ...changeOptions });
    const [kind = ''] = positionals;
    const allowed = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
    if (allowed === undefined) {
      throw usageError(
        `add what? got ${JSON.stringify(kind)}`,
        'write add director, add balancer or add chatserver',
      );
    }
    const { words, file } = wordsAndFile(positionals, ['KIND', 'NAME'], io);
    const name = words[1] ?? '';
    const surplus = Object.keys(values).find(
      (option) => Object.hasOwn(options, option) && !(allowed as readonly string[]).includes(option),
    );
    if (surplus !== undefined) throw usageError(`a ${kind} has no --${surplus}`);
    const place = values[allowed[0]];
    if (typeof place !== 'string') throw usageError(`--${allowed[0]} missing`);
    const common = pick({ control: wholeNumber(values.control, '--control') });
    const shared = {
      ...pick({ weight: wholeNumber(values.weight, '--weight') }),
      ...pick({ services: values.service }),
    };
    const edit = (text: string): string => {
      if (kind === 'director') return addDirector(text, name, { host: place, ...common }, file);
      if (kind === 'chatserver') {
        const heartbeat = values.probe === undefined ? {} : { heartbeat: { probe: values.probe } };
        const role = {
          ...pick({ maxConnections: wholeNumber(values['max-connections'], '--max-connections') }),
          ...pick({ backup: values.backup }),
        };
        return addChatServer(
          text,
          name,
          { address: place, ...common, ...shared, ...heartbeat, ...role },
          file,
        );
      }
      const port = pick({ port: wholeNumber(values.port, '--port') });
      return addBalancer(text, name, { host: place, ...port, ...common, ...shared }, file);
    };
    const change = { file, edit, done: `${kind} ${name} added at ${place}` };
    return (await changeTopology(change, values, io)).exitCode;
  },
};

/** Without the undefined values. */
function pick<Key extends string, Value>(
  values: Readonly<Record<Key, Value | undefined>>,
): Readonly<Partial<Record<Key, Value>>> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<Record<Key, Value>>;
}
