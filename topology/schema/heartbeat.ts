/** Heartbeats: of the whole cluster, and how one node is asked. */
import { z } from 'zod';
import { documented } from './documented.ts';
import { choice, duration, integer, port } from './scalars.ts';

const noneEstablished = 'None.';

export const heartbeatSchema = z.strictObject(
  {
    interval: documented(duration(100, 60_000).prefault('1s'), {
      about: 'Time between two heartbeats to one node. A beat not answered when the next is due is a miss.',
      unit: 'duration, 100ms to 60s',
      effect: noneEstablished,
    }),
    misses: documented(integer(1, 100).prefault(3), {
      about: 'Misses in a row that mean a node is down and gets no new connections.',
      unit: 'count, 1 to 100',
      effect: noneEstablished,
    }),
    rises: documented(integer(1, 100).prefault(2), {
      about: 'Good beats in a row that end down.',
      unit: 'count, 1 to 100',
      effect: noneEstablished,
    }),
    deadAfter: documented(duration(1_000, 3_600_000).prefault('10s'), {
      about:
        'A node that has been down for this long is dead: its clients are told instead of waiting for it. A worker process of a balancer that is silent for as long is killed and replaced.',
      unit: 'duration, 1s to 1h',
      effect: 'Shorter: connections to a node that is down now may be ended sooner. Others: none.',
    }),
  },
  { error: 'a map with interval, misses, rises, deadAfter' },
);

/** How one node is asked whether it lives. */
export const probeSchema = z.strictObject(
  {
    probe: documented(choice(['headgate', 'tcp', 'off']).prefault('headgate'), {
      about:
        "headgate: headgate's own heartbeat on the control port. tcp: a TCP connect, for servers that do not speak it. off: never asked, always up.",
      unit: 'word',
      effect: 'None; the node counts as not yet known until the new probe has succeeded once.',
    }),
    port: documented(port().optional(), {
      about: 'With tcp: the port that is probed.',
      unit: 'port',
      defaultText: 'the port that takes connections',
      effect: noneEstablished,
    }),
    send: documented(
      z
        .string({ error: 'text' })
        .min(1, { error: 'text' })
        .max(1_024, { error: 'text of at most 1024 characters' })
        .optional(),
      {
        about: 'With tcp: text sent after the connect. Needs expect.',
        unit: 'text, at most 1024 characters',
        defaultText: 'nothing is sent',
        effect: noneEstablished,
      },
    ),
    expect: documented(
      z
        .string({ error: 'text' })
        .min(1, { error: 'text' })
        .max(1_024, { error: 'text of at most 1024 characters' })
        .optional(),
      {
        about: 'With tcp: text the answer must contain.',
        unit: 'text, at most 1024 characters',
        defaultText: 'a connect is enough',
        effect: noneEstablished,
      },
    ),
  },
  { error: 'a map with probe, port, send, expect' },
);
