import test from 'ava';
import fc from 'fast-check';
import { noNode, ownerOf } from '../../lib/maglev/index.ts';
import { pickBalancer, SlotFinder } from '../../director/pick.ts';
import { balancer, hashKey, table, topology } from './fixtures.ts';
import { vectors } from '../lib/maglev/vectors.ts';

const names = ['b1', 'b2', 'b3', 'b4'];
const [chat] = table(topology(names.map((name) => balancer(name)))).services;
const ids = chat!.owners.map(({ id }) => id);

test('a client goes to the owner of its slot', (t) => {
  for (const slot of [0, 1, 40_000, 65_536]) {
    t.is(pickBalancer(chat!, slot)!.id, ids[ownerOf(chat!.maglev, slot)]!);
  }
});

test('a retry goes to the next balancer not tried, the same each time, until none is left', (t) => {
  fc.assert(
    fc.property(fc.nat(65_536), (slot) => {
      const tried: string[] = [];
      for (let retry = 0; retry < ids.length; retry++) {
        const picked = pickBalancer(chat!, slot, tried)!;
        t.false(tried.includes(picked.id));
        t.is(pickBalancer(chat!, slot, tried), picked);
        tried.push(picked.id);
      }
      t.is(pickBalancer(chat!, slot, tried), undefined);
    }),
  );
});

test('the clients of a failing balancer spread over all others', (t) => {
  const next = new Map<string, number>();
  const own = Array.from({ length: 65_537 }, (_, slot) => slot).filter(
    (slot) => ownerOf(chat!.maglev, slot) === 0,
  );
  for (const slot of own) {
    const { id } = pickBalancer(chat!, slot, [ids[0]!])!;
    next.set(id, (next.get(id) ?? 0) + 1);
  }
  t.deepEqual([...next.keys()].sort(), ids.slice(1));
  for (const count of next.values()) t.true(count > own.length / 4, `${count} of ${own.length}`);
});

test('a balancer that owns no slot is still tried last', (t) => {
  const slots = new Uint16Array(7).fill(0);
  const service = { ...chat!, maglev: { ...chat!.maglev, size: 7, slots }, owners: chat!.owners.slice(0, 2) };
  t.is(pickBalancer(service, 3, [ids[0]!])!.id, ids[1]!);
});

test('an empty table picks nobody', (t) => {
  const slots = new Uint16Array(7).fill(noNode);
  t.is(
    pickBalancer({ ...chat!, maglev: { ...chat!.maglev, size: 7, nodes: [], slots }, owners: [] }, 0),
    undefined,
  );
});

test('the slot is that of the committed vectors, also after the hash key changed', (t) => {
  const finder = new SlotFinder();
  t.true(vectors.flows.some((flow) => flow.hashKey !== hashKey));
  for (const flow of vectors.flows) t.is(finder.slot(flow.hashKey, flow.client, 65_537), flow.slot65537);
});
