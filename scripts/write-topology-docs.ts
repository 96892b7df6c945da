/** The reference of the topology file, written from its schema. */
import { jsonSchema, keyReference, type KeyReference } from '../topology/index.ts';

const introduction = `# The topology file

One YAML file describes the whole cluster; the same file goes to every host. \`examples/local/topology.yaml\` is a
complete one. \`headgate topology check FILE\` tells everything that is wrong with a file at once, with line and column;
\`headgate topology show FILE\` prints it with every default written out. An invalid file never replaces a running one.

This page is generated from the schema by \`npm run docs\`. Editors that know YAML complete and check the file when its
first line is

\`\`\`yaml
# yaml-language-server: $schema=./topology.schema.json
\`\`\`

with the path of [topology.schema.json](topology.schema.json).

## Rules

- Durations and sizes carry a unit: \`250ms\`, \`1s\`, \`5m\`, \`2h\`; \`64KiB\`, \`1MiB\`. A bare number is an error.
- Addresses are IPv4 or IPv6 addresses, never host names. An IPv6 address with a port is written \`"[2001:db8::1]:9000"\`,
  in quotes.
- Names consist of lower-case letters, digits and \`-\`, at most 63. The name of a node is unique over all tiers.
- Node names in the lists of a service have no order. Neither has anything else: the content hash is the same for
  another order, other comments, other layout, or defaults written out. It does not cover where the secret is.
- Nothing may listen twice on one address and port of one machine. Two loopback addresses are on one machine. A VIP on
  \`0.0.0.0\` or \`::\` takes its port of every address of the directors' machines.
- A chat server or balancer with \`heartbeat: { probe: tcp }\` or \`off\` has no control port.
- A file has at most 4 MiB, 64 services and 1,024 nodes per tier.

## Keys
`;

/** The text of docs/topology.md. */
export function topologyDocs(): string {
  return `${introduction}\n${keyReference().map(section).join('\n')}`;
}

function section(row: KeyReference): string {
  const fallback = row.defaultValue === undefined ? row.defaultText : `\`${row.defaultValue}\``;
  const lines = [
    `### \`${row.path}\``,
    '',
    row.about,
    '',
    `- Unit: ${row.unit}`,
    `- Default: ${row.required ? 'none, it must be written' : (fallback ?? 'the defaults of its keys')}`,
    `- Effect on live connections: ${lowerFirst(row.effect)}`,
    '',
  ];
  return lines.join('\n');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** The text of docs/topology.schema.json. */
export function topologySchemaText(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`;
}
