/** What a test run came to, read from what ava's default reporter prints. */
import { stripVTControlCharacters } from 'node:util';

export interface RunResult {
  readonly passed: number;
  /** Failed tests and hooks, tests that hung, stray exceptions and rejections; at least 1 when the run itself failed. */
  readonly failed: number;
  /** 0 only when tests ran and all of them passed. */
  readonly exitCode: number;
}

/** One of the reporter's ticks in front of a title; the second form is for terminals without Unicode. */
const passedTest = /^ {2}[✔√] (?!\[expected fail\])/u;
/** A line of nothing but this stands before the closing lines. */
const rule = /^ {2}[─-]$/u;
const closing =
  /^ {2}(\d+) (tests? passed|tests? failed|hooks? failed|tests? remained pending after a timeout|unhandled rejections?|uncaught exceptions?)\b/;

/** `exitCode` is ava's own. */
export function countResults(output: string, exitCode: number): RunResult {
  const lines = stripVTControlCharacters(output).split(/\r?\n/);
  const end = lines.slice(lines.findLastIndex((line) => rule.test(line)) + 1);
  let failed = 0;
  let closedPassed: number | undefined;
  for (const line of end) {
    const [, count, what] = closing.exec(line) ?? [];
    if (what?.endsWith('passed')) closedPassed = Number(count);
    else if (what !== undefined) failed += Number(count);
  }
  // With a failure among them, ava's closing lines do not tell how many passed.
  const passed = closedPassed ?? lines.filter((line) => passedTest.test(line)).length;
  if (exitCode !== 0) return { passed, failed: Math.max(failed, 1), exitCode };
  return { passed, failed, exitCode: failed === 0 && passed > 0 ? 0 : 1 };
}
