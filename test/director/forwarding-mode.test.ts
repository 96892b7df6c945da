import test from 'ava';
import type { ServiceReply, TargetHealth } from '../../lib/heartbeat/index.ts';
import { chooseModes, toldMode, type ModeInput } from '../../director/forwarding-mode.ts';
import { balancer, health, service, topology } from './fixtures.ts';

const b1 = balancer('b1', { host: '10.0.1.1' });
const b2 = balancer('b2', { host: '10.0.1.2' });
const listen = { host: '203.0.113.10', port: 9_000 };
const auto = topology([b1, b2], [service('chat', { forwarding: 'auto', listen })]);

function takes(...ways: NonNullable<ServiceReply['takes']>): Partial<TargetHealth> {
  const chat = { state: 'serving', connections: 0, takes: ways } as const;
  return { reply: { services: { chat }, connections: 0, topology: 'hash' } };
}

/** Mode of chat, why, and whether that is for good; both balancers are up and take proxy and dr unless changed. */
function choose(
  change: Partial<ModeInput> = {},
  states: Readonly<Record<string, Partial<TargetHealth>>> = {},
) {
  const input: ModeInput = {
    topology: auto,
    lacks: () => undefined,
    health: (id) => health(id, { ...takes('proxy', 'dr'), ...states[id] }),
    apart: () => undefined,
    running: new Map(),
    patient: false,
    ...change,
  };
  return chooseModes(input).get('chat')!;
}

test('auto takes dr when this director can and every balancer that is up takes it, and stays with it', (t) => {
  t.like(choose(), { mode: 'dr', settled: true });
  t.like(choose({}, { 'b2@10.0.1.2': { state: 'down' } }), { mode: 'dr', settled: false });
  t.like(choose({ patient: true }, { 'b2@10.0.1.2': { state: 'down' } }), { mode: 'dr', settled: true });
  const settled = chooseModes(
    {
      topology: auto,
      lacks: () => undefined,
      health: () => undefined,
      apart: () => undefined,
      running: new Map(),
      patient: true,
    },
    new Map([['chat', choose()]]),
  );
  t.like(settled.get('chat'), { mode: 'dr' });
});

test('auto takes proxy where one balancer that is up does not take dr, for good once it had the time to prepare', (t) => {
  const states = { 'b2@10.0.1.2': takes('proxy') };
  t.deepEqual(choose({}, states), { mode: 'proxy', why: 'auto: b2 does not take dr', settled: false });
  t.like(choose({ patient: true }, states), { mode: 'proxy', settled: true });
  t.like(choose({ apart: () => 'b1 is behind a router' }), {
    mode: 'proxy',
    why: 'auto: b1 is behind a router',
  });
});

test('auto takes proxy at once where dr can never be: lack, address of a host, loopback, foreign balancer', (t) => {
  const lacks = () => ({ reason: 'no privileges', cure: 'run as root' });
  const why = 'auto: dr does not work here: no privileges; to have it, run as root';
  t.deepEqual(choose({ lacks }), { mode: 'proxy', why, settled: true });
  const with1 = (change: object) =>
    topology([b1, b2], [service('chat', { forwarding: 'auto', listen, ...change })]);
  for (const host of ['10.0.1.1', '127.0.0.1', '0.0.0.0']) {
    t.like(choose({ topology: with1({ listen: { host, port: 9_000 } }) }), { mode: 'proxy', settled: true });
  }
  const foreign = balancer('b2', { host: '10.0.1.2', probe: { kind: 'tcp' } });
  const of = topology([b1, foreign], [service('chat', { forwarding: 'auto', listen })]);
  t.like(choose({ topology: of }), { mode: 'proxy', settled: true });
});

test('before any balancer is up, what an earlier process ran goes on', (t) => {
  const down = { 'b1@10.0.1.1': { state: 'unknown' }, 'b2@10.0.1.2': { state: 'unknown' } } as const;
  t.like(choose({}, down), { mode: 'proxy', settled: false });
  t.like(choose({ running: new Map([['chat', 'dr']]) }, down), { mode: 'dr', settled: false });
});

test('a demanded mode that does not work keeps what runs, and stands where nothing runs', (t) => {
  const tun = topology([b1], [service('chat', { forwarding: 'tun', listen })]);
  const lacks = () => ({ reason: 'no privileges', cure: 'run as root' });
  t.deepEqual(choose({ topology: tun, lacks }), { mode: 'tun', why: '', settled: true });
  const kept = choose({ topology: tun, lacks, running: new Map([['chat', 'proxy']]) });
  t.like(kept, { mode: 'proxy', lack: { reason: 'no privileges', cure: 'run as root' } });
});

test('a change that would end connections waits, and comes when they have ended', (t) => {
  const proxied = topology([b1], [service('chat', { forwarding: 'proxy', listen })]);
  const running = new Map([['chat', 'fullnat']] as const);
  const held = () => ({ reason: 'they would end', cure: 'wait' });
  t.deepEqual(choose({ topology: proxied, running, held }), {
    mode: 'fullnat',
    why: 'proxy must wait: they would end',
    settled: false,
    lack: { reason: 'they would end', cure: 'wait' },
  });
  t.like(choose({ topology: proxied, running, held: () => undefined }), { mode: 'proxy', settled: true });
  const nobody = { 'b1@10.0.1.1': takes('fullnat') };
  t.like(choose({ topology: proxied, running, held }, nobody), { mode: 'fullnat', lack: { cure: 'wait' } });
});

test('balancers are told what is in force, and of proxy and fullnat the one that is only waited for', (t) => {
  const modeAfter = (forwarding: 'proxy' | 'fullnat', from: 'proxy' | 'fullnat' | 'dr', change = {}) => {
    const of = topology([b1], [service('chat', { forwarding, listen })]);
    const running = new Map([['chat', from]] as const);
    const choice = choose({ topology: of, running, ...change }, { 'b1@10.0.1.1': takes(from) });
    return [choice.mode, toldMode(choice)];
  };
  const held = () => ({ reason: 'they would end', cure: 'wait' });
  t.deepEqual(modeAfter('fullnat', 'dr'), ['dr', 'dr']);
  t.deepEqual(modeAfter('fullnat', 'dr', { held }), ['dr', 'dr']);
  t.deepEqual(modeAfter('proxy', 'fullnat', { held }), ['fullnat', 'fullnat']);
  t.deepEqual(modeAfter('proxy', 'fullnat'), ['fullnat', 'proxy'], 'else each would wait for the other');
  t.deepEqual(modeAfter('fullnat', 'proxy'), ['proxy', 'fullnat']);
  const lacks = () => ({ reason: 'no privileges', cure: 'run as root' });
  t.deepEqual(
    modeAfter('fullnat', 'proxy', { lacks }),
    ['proxy', 'proxy'],
    'what does not work is not waited for',
  );
});

test('what runs goes on until the balancers that are up take the new mode', (t) => {
  const change = {
    topology: topology([b1, b2], [service('chat', { forwarding: 'nat', listen })]),
    running: new Map([['chat', 'dr']] as const),
  };
  const both = takes('proxy', 'dr');
  const late = {
    mode: 'dr',
    why: 'nat begins when the balancers take it',
    settled: false,
    awaited: 'nat',
  } as const;
  t.deepEqual(choose(change, { 'b1@10.0.1.1': both, 'b2@10.0.1.2': both }), late);
  const one = { 'b1@10.0.1.1': takes('proxy', 'dr', 'nat'), 'b2@10.0.1.2': both };
  t.deepEqual(choose(change, one), late);
  t.like(choose({ ...change, patient: true }, one), { mode: 'nat', settled: true });
  t.like(choose({ ...change, patient: true }), { ...late, lack: { reason: 'no balancer takes nat' } });
  const all = { 'b1@10.0.1.1': takes('proxy', 'nat'), 'b2@10.0.1.2': takes('proxy', 'nat') };
  t.like(choose(change, all), { mode: 'nat', settled: true });
  const down = { ...one, 'b2@10.0.1.2': { state: 'down' } } as const;
  t.like(choose(change, down), { mode: 'nat', settled: true }, 'who is down is not waited for');
  const nobody = { 'b1@10.0.1.1': takes('proxy'), 'b2@10.0.1.2': takes('proxy') };
  t.like(choose(change, nobody), { mode: 'nat' }, 'nothing is lost by it');
});
