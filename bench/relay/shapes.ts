/** What is carried through a relay and counted. Each measures one relay once. */
import type { Endpoint } from '../../lib/address/index.ts';
import { cpuNs } from '../measure.ts';
import { Bulk } from '../traffic/bulk.ts';
import { Listeners } from '../traffic/listeners.ts';
import { Paced } from '../traffic/paced.ts';
import { PingPong } from '../traffic/ping-pong.ts';
import { shortLived } from '../traffic/short-lived.ts';
import type { RunningRelay } from './peers.ts';
import type { Server } from './server.ts';

/** Long enough for compilers and caches, also on a busy machine. */
const warmUpMs = 1_500;
const nsPerUs = 1_000;
const mebibyte = 1_048_576;

export interface Measured {
  readonly relay: RunningRelay;
  readonly listen: Endpoint;
  readonly server: Server;
  readonly seconds: number;
}

export interface Shape {
  readonly title: string;
  /** Unit of what measure() answers; less is better. */
  readonly unit: string;
  /** What the ratio to the better of nginx and HAProxy is to be at most. */
  readonly mark: number | undefined;
  /** Of the server's answers; 0: it only listens. */
  readonly messageBytes: number;
  measure(measured: Measured): Promise<number>;
}

/** Every connection has one message under way. */
export function pingPong(connections: number, messageBytes: number, mark?: number): Shape {
  return {
    title: `${connections} connections × ${messageBytes} B ping-pong`,
    unit: 'CPU µs per round trip',
    mark,
    messageBytes,
    measure: ({ relay, listen, seconds }) => {
      const load = new PingPong(listen.host, listen.port, connections, messageBytes);
      try {
        load.play(warmUpMs);
        const before = cpuNs(relay.pid);
        const roundTrips = load.play(seconds * 1_000);
        return Promise.resolve((cpuNs(relay.pid) - before) / nsPerUs / roundTrips);
      } finally {
        load.close();
      }
    },
  };
}

/** As much as the relay takes, one way. */
export function bulk(connections: number, mark?: number): Shape {
  return {
    title: `one-way bulk, ${connections} connections`,
    unit: 'CPU µs per MiB',
    mark,
    messageBytes: 0,
    measure: async ({ relay, listen, server, seconds }) => {
      const load = new Bulk(listen.host, listen.port, connections);
      try {
        load.play(warmUpMs);
        const [before, heardBefore] = [cpuNs(relay.pid), await server.heard()];
        load.play(seconds * 1_000);
        const [after, heard] = [cpuNs(relay.pid), await server.heard()];
        return (after - before) / nsPerUs / ((heard - heardBefore) / mebibyte);
      } finally {
        load.close();
      }
    },
  };
}

/** Connect, one message each way, close; over and over. */
export function connects(total: number, lanes: number, messageBytes: number, mark?: number): Shape {
  return {
    title: `connect, one message of ${messageBytes} B each way, close; ${total} times, ${lanes} at once`,
    unit: 'CPU µs per connection',
    mark,
    messageBytes,
    measure: ({ relay, listen }) => {
      shortLived(listen.host, listen.port, total / 4, lanes, messageBytes);
      const before = cpuNs(relay.pid);
      shortLived(listen.host, listen.port, total, lanes, messageBytes);
      return Promise.resolve((cpuNs(relay.pid) - before) / nsPerUs / total);
    },
  };
}

/** The server says something to everybody, once and again. */
export function push(connections: number, messageBytes: number, mark?: number): Shape {
  const times = 5;
  return {
    title: `push: ${connections} idle connections, one message of ${messageBytes} B to each`,
    unit: 'CPU µs per message',
    mark,
    messageBytes: 0,
    measure: async ({ relay, listen, server }) => {
      const load = new Listeners(listen.host, listen.port, connections);
      try {
        // A relay may still be connecting when its clients are connected.
        let told: number;
        do load.hear((told = await server.push(1)));
        while (told < connections);
        const before = cpuNs(relay.pid);
        for (let time = 0; time < times; time++) {
          await server.push(messageBytes);
          load.hear(connections * messageBytes);
        }
        return (cpuNs(relay.pid) - before) / nsPerUs / (times * connections);
      } finally {
        load.close();
      }
    },
  };
}

/** So few messages that the relay sleeps before each: what it costs to wake up. */
export function trickle(connections: number, messageBytes: number, perSecond: number, mark?: number): Shape {
  return {
    title: `trickle: ${connections} connections × ${messageBytes} B, ${perSecond} round trips per second`,
    unit: 'CPU µs per round trip',
    mark,
    messageBytes,
    measure: ({ relay, listen, seconds }) => {
      const load = new Paced(listen.host, listen.port, connections, messageBytes);
      try {
        // As many as compilers look at.
        load.play(warmUpMs, 10 * connections);
        load.play(warmUpMs, perSecond);
        const before = cpuNs(relay.pid);
        const roundTrips = load.play(seconds * 1_000, perSecond).length;
        return Promise.resolve((cpuNs(relay.pid) - before) / nsPerUs / roundTrips);
      } finally {
        load.close();
      }
    },
  };
}

/** A steady rate over many connections; the time since each message was due. */
export function latency(
  connections: number,
  messageBytes: number,
  perSecond: () => number,
  mark?: number,
): Shape {
  return {
    title: `p99 latency, ${connections} connections × ${messageBytes} B, half the rate the better peer carries at most`,
    unit: 'ms',
    mark,
    messageBytes,
    measure: ({ listen, seconds }) => {
      const load = new Paced(listen.host, listen.port, connections, messageBytes);
      try {
        load.play(warmUpMs, perSecond());
        const latencies = load.play(seconds * 1_000, perSecond());
        return Promise.resolve(latencies[Math.floor(latencies.length * 0.99)]!);
      } finally {
        load.close();
      }
    },
  };
}
