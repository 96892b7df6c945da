/** A part of the fuzzing at each run, from another seed each time; a failure names its seed. */
import test from 'ava';
import { fuzzControl, fuzzSilence } from './control.ts';
import { fuzzTopology } from './topology.ts';

function newSeed(): number {
  return Math.floor(Math.random() * 0x1_0000_0000);
}

test.serial('10,000 random and mutated topologies are read or refused with a place, and none throws', (t) => {
  t.timeout(180_000);
  const { count, valid, problems } = fuzzTopology(10_000, newSeed());
  t.is(valid + problems, count);
  t.true(valid > 100 && problems > 1_000, `${valid} valid, ${problems} not`);
});

test.serial(
  'random bytes, wrong secrets, replayed sessions and random frames end no beat and change nothing',
  async (t) => {
    t.timeout(180_000);
    const fuzz = await fuzzControl(1_500, newSeed());
    t.true(fuzz.refusedKey > 10 && fuzz.refusedProtocol > 10);
    t.true(fuzz.beats > 10);
  },
);

test.serial('10,000 connections that say nothing leave the way free for those that do', async (t) => {
  t.timeout(180_000);
  const fuzz = await fuzzSilence(10_000);
  t.is(fuzz.count, 10_000);
  t.true(fuzz.beats > 10);
});
