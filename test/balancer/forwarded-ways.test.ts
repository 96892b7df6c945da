import test from 'ava';
import { ForwardedWays } from '../../balancer/forwarded-ways.ts';
import { partingMs } from '../../balancer/vip-needs.ts';
import type { Way } from '../../lib/heartbeat/index.ts';

const vip = '203.0.113.10:9000';

function scene() {
  const ways = new ForwardedWays();
  ways.apply(['d1', 'd2']);
  return {
    ways,
    hear: (director: string, way: Way, nowMs: number) => ways.hear(director, new Map([[vip, way]]), nowMs),
    at: (nowMs: number) => {
      const { now, lately } = ways.of(vip, nowMs);
      return [[...now].sort(), [...lately].sort()];
    },
  };
}

test('the last word of each director counts, and what it said before for another minute', (t) => {
  const { hear, at } = scene();
  t.deepEqual(at(0), [[], []]);
  hear('d1', 'nat', 0);
  hear('d2', 'dr', 0);
  t.deepEqual(at(0), [
    ['dr', 'nat'],
    ['dr', 'nat'],
  ]);
  hear('d1', 'fullnat', 1_000);
  hear('d2', 'dr', partingMs);
  t.deepEqual(at(partingMs), [
    ['dr', 'fullnat'],
    ['dr', 'fullnat', 'nat'],
  ]);
  t.deepEqual(at(partingMs + 1), [
    ['dr', 'fullnat'],
    ['dr', 'fullnat'],
  ]);
  t.deepEqual(at(2 * partingMs + 1), [[], []], 'who is silent says nothing');
});

test('only directors of the topology count, and only for the VIP they name', (t) => {
  const { ways, hear, at } = scene();
  hear('stranger', 'dr', 0);
  t.deepEqual(at(0), [[], []]);
  hear('d1', 'dr', 0);
  hear('d2', 'nat', 0);
  t.is(ways.of('203.0.113.11:9000', 0).now.size, 0);
  ways.apply(['d1']);
  t.deepEqual(at(0), [['dr'], ['dr']]);
});

test('a director that names ever other VIPs is remembered for the last of them only', (t) => {
  const { ways, at } = scene();
  ways.hear('d1', new Map([[vip, 'dr']]), 0);
  for (let port = 1; port <= 1_024; port++) ways.hear('d1', new Map([[`203.0.113.9:${port}`, 'nat']]), 0);
  t.deepEqual(at(0), [[], []]);
  t.is(ways.of('203.0.113.9:1', 0).lately.size, 1);
});
