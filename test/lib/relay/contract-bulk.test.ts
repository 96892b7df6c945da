/** The part of the contract that moves many bytes: one test after the other, so that none waits for the rest. */
import test from 'ava';
import * as bytes from './contract-bytes.ts';
import * as ends from './contract-ends.ts';
import { engines } from './engines.ts';

for (const engine of engines) {
  test.serial(bytes.anyChunks, engine);
  test.serial(bytes.earlyMuch, engine);
  for (const side of ['client', 'server'] as const) {
    test.serial(bytes.slowReader, engine, side);
    test.serial(ends.rstToSlowReader, engine, side);
  }
  test.serial(ends.userTimeout, engine);
}
