/** A service: what clients connect to. */
import { z } from 'zod';
import { algorithms, forwardings } from '../types.ts';
import { documented } from './documented.ts';
import { choice, duration, endpoint, integer, name, size } from './scalars.ts';

/** Most names in one list of nodes; the same as most nodes of a tier. */
export const maxNodesPerTier = 1_024;

function nodeList(): z.ZodOptional<z.ZodArray<z.ZodString>> {
  const expected = `a list of 1 to ${maxNodesPerTier} node names`;
  return z
    .array(name(), { error: expected })
    .min(1, { error: expected })
    .max(maxNodesPerTier, { error: expected })
    .optional();
}

const newConnections = 'None: it applies to connections that begin after the change.';

const queueSchema = z.strictObject(
  {
    size: documented(integer(0, 65_536).prefault(0), {
      about:
        'Most clients of this service that wait in one balancer. 0: none waits, who finds no place is refused (RST).',
      unit: 'count, 0 to 65536',
      effect: newConnections,
    }),
    timeout: documented(duration(10, 3_600_000).prefault('5s'), {
      about: 'How long a client waits for a place before it is refused (RST).',
      unit: 'duration, 10ms to 60m',
      effect: newConnections,
    }),
  },
  { error: 'a map with size, timeout' },
);

export const serviceSchema = z.strictObject(
  {
    listen: documented(endpoint('wildcard allowed'), {
      about: 'The VIP: the address and port clients connect to. IPv6 in brackets and quotes.',
      unit: 'address:port',
      effect: 'None: established connections stay. The old address takes nothing new, the new one does.',
    }),
    forwarding: documented(choice(forwardings).prefault('auto'), {
      about:
        'How directors hand connections to balancers. dr: by MAC address, the balancer answers the client itself. tun: wrapped in IP, for balancers behind routers. nat: by the destination address, answers come back through the director. fullnat: both addresses rewritten, needs only CAP_NET_RAW. proxy: a second connection, needs no privileges. auto: dr where it works, else proxy.',
      unit: 'word',
      effect: 'None: established connections stay in the mode they began with.',
    }),
    balancing: documented(
      z
        .strictObject(
          {
            algorithm: documented(choice(algorithms).prefault('round-robin'), {
              about: 'How a balancer picks a chat server for a new connection.',
              unit: 'word',
              effect: newConnections,
            }),
            slowStart: documented(duration(0, 3_600_000).prefault('0s'), {
              about:
                'How long the share of a chat server that was added or came back from DOWN grows, from a hundredth to its whole share. 0s: at once.',
              unit: 'duration, 0ms to 60m',
              effect: newConnections,
            }),
            queue: documented(queueSchema.prefault({}), {
              about:
                'Where clients wait, in the order they came, while every chat server is at its maxConnections.',
              unit: 'map',
              effect: newConnections,
            }),
            onDown: documented(choice(['keep', 'close']).prefault('keep'), {
              about:
                'What becomes of the established connections of a chat server that is declared DOWN. keep: they stay until it is dead (heartbeat.deadAfter). close: they get RST at once, paced.',
              unit: 'word',
              effect: 'close ends the connections of servers that are down at the moment of the change.',
            }),
          },
          { error: 'a map with algorithm, slowStart, queue, onDown' },
        )
        .prefault({}),
      { about: 'How balancers pick chat servers.', unit: 'map', effect: newConnections },
    ),
    balancers: documented(nodeList(), {
      about: 'The balancers of this service. Their order means nothing.',
      unit: 'list of names',
      defaultText: 'all balancers',
      effect: 'None: a balancer taken off the list keeps what it has and gets nothing new of this service.',
    }),
    chatservers: documented(nodeList(), {
      about: 'The chat servers of this service. Their order means nothing.',
      unit: 'list of names',
      defaultText: 'all chat servers',
      effect:
        'None: a chat server taken off the list keeps what it has and gets nothing new of this service.',
    }),
    proxyProtocol: documented(
      z
        .strictObject(
          {
            accept: documented(choice(['off', 'v1', 'v2', 'any']).prefault('off'), {
              about:
                'PROXY protocol header that whatever stands before headgate must send. Clients without it are refused.',
              unit: 'word',
              effect: newConnections,
            }),
            send: documented(choice(['off', 'v1', 'v2']).prefault('off'), {
              about: "PROXY protocol header that chat servers get, with the client's own address.",
              unit: 'word',
              effect: newConnections,
            }),
          },
          { error: 'a map with accept, send' },
        )
        .prefault({}),
      { about: 'PROXY protocol before and behind headgate.', unit: 'map', effect: newConnections },
    ),
    timeouts: documented(
      z
        .strictObject(
          {
            connect: documented(duration(10, 60_000).prefault('2s'), {
              about: 'How long a connect to a chat server may take before the next one is tried.',
              unit: 'duration, 10ms to 60s',
              effect: newConnections,
            }),
            keepalive: documented(duration(1_000, 32_767_000).prefault('300s'), {
              about:
                'Silence after which TCP keepalive asks whether a peer still lives (TCP_KEEPIDLE). Asked earlier where `user` would else end a connection for one lost answer: after 257s by default.',
              unit: 'duration, 1s to 32767s',
              effect: newConnections,
            }),
            user: documented(duration(1_000, 86_400_000).prefault('5m'), {
              about:
                'How long sent data may stay unacknowledged before the connection is given up (TCP_USER_TIMEOUT).',
              unit: 'duration, 1s to 24h',
              effect: newConnections,
            }),
          },
          { error: 'a map with connect, keepalive, user' },
        )
        .prefault({}),
      {
        about: 'Time limits. There is no idle timeout: chat connections are idle most of the time.',
        unit: 'map',
        effect: newConnections,
      },
    ),
    buffer: documented(size(65_536, 16 * 1_048_576).prefault('256KiB'), {
      about:
        'Most bytes one direction of one connection may hold in the process; a reader that stops costs no more.',
      unit: 'size, 64KiB to 16MiB',
      effect: newConnections,
    }),
  },
  { error: 'a map that begins with listen: ADDRESS:PORT' },
);
