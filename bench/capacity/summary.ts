/** The tables at the end: one column per system. */
import type { Quantiles, RunResult } from './result.ts';
import type { ByTier } from './tiers.ts';

type Row = readonly [string, (result: RunResult) => string | undefined];

const whole = (value: number | undefined): string | undefined => value?.toFixed(0);
const fine = (value: number | undefined): string | undefined => value?.toFixed(value < 10 ? 2 : 1);

function latency(quantiles: Quantiles | undefined): string | undefined {
  if (quantiles === undefined || quantiles.count === 0) return undefined;
  const { p50, p99, p999, most } = quantiles;
  return [p50, p99, p999, most].map(fine).join(' / ');
}

const rows: readonly Row[] = [
  ['connections', ({ connections }) => `${connections}`],
  ['live at the end', ({ counts }) => `${counts.live}`],
  ['lost, their chat server killed', ({ counts }) => `${counts.lostExpected}`],
  ['lost unexpectedly', ({ counts }) => `${counts.lostUnexpected}`],
  ['failed before login, tried again', ({ counts }) => `${counts.refused + counts.endedBeforeWelcome}`],
  ['messages sent', ({ counts }) => `${counts.sent}`],
  ['  delivered', ({ counts }) => `${counts.delivered}`],
  ['  cut off with the killed server', ({ counts }) => `${counts.cutOff}`],
  [
    '  missing, twice, out of order',
    ({ counts }) => `${counts.missing}, ${counts.twice}, ${counts.disordered}`,
  ],
  ['pushes heard of', ({ counts, pushesExpected }) => `${counts.pushesHeard} / ${pushesExpected}`],
  ['connections per second', ({ establish }) => whole(establish?.perSecond)],
  ['login, ms: p50 / p99 / p99.9 / most', ({ establish }) => latency(establish?.login)],
  ['message, ms', ({ talk }) => latency(talk?.latency)],
  ['push, ms', ({ push }) => latency(push?.latency)],
  ['message while a balancer is added, ms', ({ growth }) => latency(growth?.talk)],
  ['message while a chat server dies, ms', ({ kill }) => latency(kill?.talk)],
  ['message while all are asked for status, ms', ({ status }) => latency(status?.talk)],
  ['longest time nobody was told anything, ms', ({ talk }) => whole(talk?.longestGapMs)],
  ['  while asked for status', ({ status }) => whole(status?.longestGapMs)],
  ['  while a balancer is added', ({ growth }) => whole(growth?.longestGapMs)],
  ['new balancer ready after, ms', ({ growth }) => whole(growth?.msToReady)],
  ['  first connection after, ms', ({ growth }) => whole(growth?.msToFirstConnection)],
  ['chat server killed: people', ({ kill }) => whole(kill?.people)],
  [
    '  first and last told after, ms',
    ({ kill }) => kill && `${whole(kill.msToFirstTold)}, ${whole(kill.msToLastTold)}`,
  ],
  ['  all back after, ms', ({ kill }) => whole(kill?.msToRecover)],
  ['drain in force after, ms', ({ drain }) => whole(drain?.msToDrain)],
  ['  new connections on it of', ({ drain }) => drain && `${drain.newOnDrained} / ${drain.renewed}`],
];

function tierRows(
  title: string,
  of: (result: RunResult) => ByTier | undefined,
  results: readonly RunResult[],
): Row[] {
  const tiers = [...new Set(results.flatMap((result) => Object.keys(of(result) ?? {})))];
  return [
    [title, () => ''],
    ...tiers.map((tier): Row => [`  ${tier}`, (result) => fine(of(result)?.[tier])]),
  ];
}

const scaled = (by: ByTier, factor: number): ByTier =>
  Object.fromEntries(Object.entries(by).map(([name, value]) => [name, value * factor]));

/** Lines of the table. */
export function summary(results: readonly RunResult[]): string[] {
  const all: readonly Row[] = [
    ...rows,
    ...tierRows('CPU s per 1,000 connects', ({ establish }) => establish?.cpuPer1000, results),
    ...tierRows('CPU ms per s, idle', ({ idleCpu }) => idleCpu && scaled(idleCpu, 1_000), results),
    ...tierRows('CPU s per 1,000 messages', ({ talk }) => talk?.cpuPer1000, results),
    ...tierRows('CPU s per 1,000 pushed messages', ({ push }) => push?.cpuPer1000, results),
    ...tierRows('CPU s per 1,000 who came back', ({ kill }) => kill?.cpuPer1000, results),
    ...tierRows(
      'process bytes per connection',
      ({ bytesPerConnection }) => bytesPerConnection?.process,
      results,
    ),
    ...tierRows(
      'kernel bytes per connection',
      ({ bytesPerConnection }) => bytesPerConnection?.kernel,
      results,
    ),
  ];
  const table = [['', ...results.map(({ name }) => name)]];
  for (const [title, cell] of all) table.push([title, ...results.map((result) => cell(result) ?? '–')]);
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
