/** The nodes of the three tiers. */
import { z } from 'zod';
import { documented } from './documented.ts';
import { probeSchema } from './heartbeat.ts';
import { choice, endpoint, hostAddress, integer, interfaceName, moment, name, port } from './scalars.ts';

/** Most entries of `sources`; 28,000 connections each to one chat server are usual. */
const maxSources = 256;

/** Control port of a node that names none. */
export const defaultControlPort = 7_400;

const hostChange =
  'It is another node then: the old one drains and keeps what it has, the new one starts empty.';

function control(of: string): z.ZodPrefault<z.ZodNumber> {
  return documented(port().prefault(defaultControlPort), {
    about: `Port of the control channel of the ${of}: heartbeats, status, admin requests. Never a service's port.`,
    unit: 'port',
    effect: 'None: clients do not use it.',
  });
}

function weight(of: string): z.ZodPrefault<z.ZodNumber> {
  return documented(integer(0, 1_000).prefault(1), {
    about: `Share of new connections this ${of} gets, relative to the others. 0 gets nothing new.`,
    unit: 'count, 0 to 1000',
    effect: 'None: it applies to connections that begin after the change.',
  });
}

function state(of: string): z.ZodPrefault<z.ZodEnum<{ active: 'active'; drain: 'drain' }>> {
  return documented(choice(['active', 'drain']).prefault('active'), {
    about: `drain: this ${of} gets nothing new and keeps what it has until the last connection ends.`,
    unit: 'word',
    effect: 'None.',
  });
}

function drainUntil(of: string): z.ZodOptional<z.ZodType<number, string>> {
  return documented(moment().optional(), {
    about: `With state: drain, when the connections that this ${of} still has are closed, a few at a time.`,
    unit: 'moment in UTC, 2026-11-22T16:30:00Z',
    defaultText: 'never: the last connection ends by itself',
    effect: 'Connections that are left at that moment end with RST. Without state: drain none.',
  });
}

function heartbeat(of: string): z.ZodPrefault<typeof probeSchema> {
  return documented(probeSchema.prefault({}), {
    about: `How this ${of} is asked whether it lives.`,
    unit: 'map',
    effect: 'None.',
  });
}

function sources(): z.ZodOptional<z.ZodArray<z.ZodType<string, string>>> {
  const expected = `a list of 1 to ${maxSources} addresses of the balancer's machine`;
  return z
    .array(hostAddress(), { error: expected })
    .min(1, { error: expected })
    .max(maxSources, { error: expected })
    .refine((list) => new Set(list).size === list.length, { error: `${expected}, each once` })
    .optional();
}

export const directorSchema = z.strictObject(
  {
    host: documented(hostAddress(), {
      about: "Address of the director's machine.",
      unit: 'IP address',
      effect: hostChange,
    }),
    interface: documented(interfaceName().optional(), {
      about:
        "Network interface that clients' packets come in at and balancers are reached by, for dr, tun and nat.",
      unit: 'name of an interface, at most 15 characters',
      defaultText: 'the interface that has the address of host',
      effect: 'None at once: a running director keeps its interface until it is started anew.',
    }),
    control: control('director'),
  },
  { error: 'a map that begins with host: ADDRESS' },
);

export const balancerSchema = z.strictObject(
  {
    host: documented(hostAddress(), {
      about: "Address of the balancer's machine; it listens there for directors.",
      unit: 'IP address',
      effect: hostChange,
    }),
    port: documented(port().optional(), {
      about: 'Port it listens on for directors, when it serves one service.',
      unit: 'port',
      defaultText: "the service's own port",
      effect: 'None: established connections stay on the old port.',
    }),
    ports: documented(z.record(name(), port(), { error: 'a map of service names to ports' }).optional(), {
      about: 'Ports it listens on for directors, by service name, when it serves several.',
      unit: 'map of ports',
      defaultText: "each service's own port",
      effect: 'None: established connections stay on the old port.',
    }),
    control: control('balancer'),
    weight: weight('balancer'),
    state: state('balancer'),
    drainUntil: drainUntil('balancer'),
    heartbeat: heartbeat('balancer'),
    workers: documented(integer(1, 256).optional(), {
      about: 'Worker processes.',
      unit: 'count, 1 to 256',
      defaultText: 'one per processor core',
      effect: 'None.',
    }),
    maxConnections: documented(integer(1, 10_000_000).optional(), {
      about:
        'Most client connections of the balancer; then it says full and directors send new ones elsewhere.',
      unit: 'count, 1 to 10000000',
      defaultText: '131072 with the engine uring; with node what the limit of open files allows',
      effect: 'None: it bounds new connections.',
    }),
    engine: documented(choice(['auto', 'node', 'uring']).prefault('auto'), {
      about:
        'What carries the bytes: uring (io_uring, Linux 6.11 or later), node (portable), or auto, which is uring where it works.',
      unit: 'word',
      effect: 'None: it takes effect at the next start.',
    }),
    sources: documented(sources(), {
      about:
        'Addresses of its machine that connections to chat servers come from, in turns. Each allows as many connections to one chat server as there are ephemeral ports, usually 28,232.',
      unit: 'list of IP addresses',
      defaultText: 'one, which the kernel chooses',
      effect: 'None: it applies to connections that begin after the change.',
    }),
  },
  { error: 'a map that begins with host: ADDRESS' },
);

export const chatserverSchema = z.strictObject(
  {
    address: documented(endpoint('one machine'), {
      about: 'Address and port balancers connect to.',
      unit: 'address:port',
      effect: hostChange,
    }),
    control: control('chat server'),
    weight: weight('chat server'),
    state: state('chat server'),
    drainUntil: drainUntil('chat server'),
    heartbeat: heartbeat('chat server'),
    maxConnections: documented(integer(1, 10_000_000).optional(), {
      about:
        'Most connections that one balancer makes to this chat server, over all its services and workers. Beyond it new clients go to others, wait (balancing.queue) or are refused.',
      unit: 'count, 1 to 10000000',
      defaultText: 'no limit',
      effect: 'None: it bounds new connections.',
    }),
    backup: documented(z.boolean({ error: 'true or false' }).prefault(false), {
      about:
        'true: it gets new connections only while no other chat server of the service can take any because they are down, draining or say that they are full.',
      unit: 'true or false',
      effect: 'None: a backup keeps the connections it has when the others return.',
    }),
  },
  { error: 'a map that begins with address: ADDRESS:PORT' },
);
