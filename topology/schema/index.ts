/** The shape of a topology file. What one key cannot know of another is in ../checks/. */
import { z } from 'zod';
import { documented } from './documented.ts';
import { flowsSchema } from './flows.ts';
import { heartbeatSchema } from './heartbeat.ts';
import { balancerSchema, chatserverSchema, directorSchema } from './nodes.ts';
import { duration, name } from './scalars.ts';
import { maxNodesPerTier, serviceSchema } from './service.ts';

export { keyDocs, valueHints, type KeyDocs } from './documented.ts';
export { maxNodesPerTier } from './service.ts';
export { defaultControlPort } from './nodes.ts';

/** Most services of a cluster. */
export const maxServices = 64;

/** Range of `grace`, milliseconds. */
export const graceRangeMs = [0, 86_400_000] as const;

const secretKey = 'one of file: PATH and env: VARIABLE';
const hashKeyExpected = '32 hexadecimal digits in quotes (16 random bytes)';

function section<Entry extends z.ZodType>(
  entry: Entry,
  what: string,
  most: number,
): z.ZodRecord<z.ZodString, Entry> {
  const expected = `a map of 1 to ${most} ${what}s by name`;
  return z.record(name(), entry, { error: expected }).meta({ minProperties: 1, maxProperties: most });
}

const takenIn = 'None: a new one takes new connections; a removed one drains and keeps what it has.';

export const topologySchema = z
  .strictObject(
    {
      version: documented(z.literal(1, { error: '1, the only version this headgate reads' }), {
        about: 'Version of the file format.',
        unit: '1',
        effect: 'None.',
      }),
      cluster: documented(name(), {
        about: 'Name of the cluster. Nodes of different clusters do not talk to each other.',
        unit: 'name',
        effect:
          'None by itself; the default hashKey is derived from it. Nodes use a changed name from their next start on.',
      }),
      secret: documented(
        z
          .strictObject(
            {
              file: documented(
                z
                  .string({ error: 'the path of the key file' })
                  .min(1, { error: 'the path of the key file' })
                  .max(4_096, { error: 'a path of at most 4096 characters' })
                  .optional(),
                {
                  about:
                    'Key file, mode 0600, made by headgate topology new-secret. Relative to the topology file.',
                  unit: 'path',
                  defaultText: 'none',
                  effect: 'None: clients do not use it. Nodes use a changed secret from their next start on.',
                },
              ),
              env: documented(
                z
                  .string({ error: 'the name of an environment variable' })
                  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, { error: 'the name of an environment variable' })
                  .optional(),
                {
                  about: 'Environment variable that holds the key, in the same form as the key file.',
                  unit: 'name of a variable',
                  defaultText: 'none',
                  effect: 'None: clients do not use it. Nodes use a changed secret from their next start on.',
                },
              ),
            },
            { error: `a map with ${secretKey}` },
          )
          .meta({ minProperties: 1, maxProperties: 1 }),
        {
          about: `Where the cluster secret is: ${secretKey}. It authenticates heartbeats and the admin API.`,
          unit: 'map',
          effect: 'None: clients do not use it. Nodes use a changed secret from their next start on.',
        },
      ),
      hashKey: documented(
        z
          .string({ error: hashKeyExpected })
          .regex(/^[0-9a-fA-F]{32}$/, { error: hashKeyExpected })
          .optional(),
        {
          about:
            "Keys the directors' hash, so that nobody outside can aim at one balancer. Its own value: a new secret does not reshuffle.",
          unit: '32 hexadecimal digits',
          defaultText: 'derived from the name of the cluster, with a warning',
          effect: 'None: new connections are spread anew.',
        },
      ),
      heartbeat: documented(heartbeatSchema.prefault({}), {
        about: 'Heartbeats between the tiers.',
        unit: 'map',
        effect: 'None.',
      }),
      flows: documented(flowsSchema.prefault({}), {
        about: 'The flow tables of directors that forward packets (dr, tun, nat).',
        unit: 'map',
        effect: 'None.',
      }),
      grace: documented(duration(...graceRangeMs).prefault('30s'), {
        about: 'How long a node that is told to stop (SIGTERM) waits for its established connections.',
        unit: 'duration, 0ms to 24h',
        effect: 'Connections that last longer than this after SIGTERM end with the node.',
      }),
      services: documented(section(serviceSchema, 'service', maxServices), {
        about: 'What clients connect to; one or more.',
        unit: 'map by name',
        effect: 'None: a removed service takes nothing new; what it has stays until it ends.',
      }),
      directors: documented(section(directorSchema, 'director', maxNodesPerTier), {
        about: 'Tier 1: one per machine.',
        unit: 'map by name',
        effect: takenIn,
      }),
      balancers: documented(section(balancerSchema, 'balancer', maxNodesPerTier), {
        about: 'Tier 2.',
        unit: 'map by name',
        effect: takenIn,
      }),
      chatservers: documented(section(chatserverSchema, 'chat server', maxNodesPerTier), {
        about: 'Tier 3: what the connections end at.',
        unit: 'map by name',
        effect: takenIn,
      }),
    },
    { error: 'a map that begins with version: 1' },
  )
  .meta({ title: 'headgate topology' });

/** The file after the schema: units resolved, simple defaults filled in, nothing related to anything else yet. */
export type TopologyFile = z.output<typeof topologySchema>;
/** The maps of named entries. */
export const sections = ['services', 'directors', 'balancers', 'chatservers'] as const;
export type Section = (typeof sections)[number];
