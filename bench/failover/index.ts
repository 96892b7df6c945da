/**
 * What clients see of a balancer's end: `npm run bench -- failover [--rounds R] [--only PART] [--json FILE]`, as root. On hosts in
 * network namespaces the balancer b1 is killed (SIGKILL), stopped (SIGSTOP) or loses its link, with 90 clients connected and others
 * coming at a steady rate; for headgate in proxy and dr, and for HAProxy with checks before three servers. Prints, from the
 * event on: until when newcomers were affected (got no server, or waited for more than a second), how many got none, and
 * when its clients were told, median over the rounds of the first and the last of them. Needs haproxy.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { unmountBpffs } from '../../lib/linux/bpf/index.ts';
import { pidsIn } from '../../test/lab/namespaces.ts';
import { ownTemporaryFolder } from '../../test/own-temporary-folder.ts';
import { mountPins } from '../../test/pins.ts';
import type { Program, Teardown } from '../../test/processes.ts';
import { Scope } from '../../test/scope.ts';
import { benchFacts, factsLine, writeResult } from '../facts.ts';
import { median } from '../measure.ts';
import { benchOptions, json, text, whole } from '../options.ts';
import { outcomeOf, type ClientLine, type Outcome } from './outcome.ts';
import { clientScript, settings, startHaproxy, startHeadgate, vip, type Scene } from './scenes.ts';

const usage = `usage: npm run bench -- failover [--rounds R] [--only PART] [--json FILE]

What clients see when a balancer is killed, stopped or loses its link, beside HAProxy. As root.

  --rounds R    turns (3)
  --only PART   only what has PART in its name, such as "dr SIGKILL"
  --json FILE   the result, for machines`;
const { rounds, ...options } = benchOptions(usage, { rounds: whole(3), only: text(''), json });
const peers = ['haproxy'] as const;
const staying = 90;
const perSecond = 50;
/** Newcomers before the event, so that everything has been used once. */
const warmUpMs = 1_000;
/** Longest observation; twice what any side needs by its settings. */
const observedMs = 30_000;
/** After the last client was told, so that newcomers of then are seen as well. */
const afterMs = 6_000;

let pins: string | undefined;
const folder = ownTemporaryFolder('headgate-bench-', () => {
  if (pins !== undefined) unmountBpffs(pins);
});
pins = mountPins(folder);

let pinned = 0;
const scenes: Readonly<Record<string, (t: Teardown) => Promise<Scene>>> = {
  'headgate proxy': (t) => startHeadgate(t, 'proxy', undefined),
  ...(pins === undefined ? {} : { 'headgate dr': (t: Teardown) => startHeadgate(t, 'dr', ownPins(pins)) }),
  haproxy: startHaproxy,
};
const events: Readonly<Record<string, (scene: Scene) => Promise<void> | void>> = {
  SIGKILL: (scene) => signalHost(scene, 'SIGKILL'),
  SIGSTOP: (scene) => signalHost(scene, 'SIGSTOP'),
  'link down': ({ lab }) => lab.unplug('b1'),
};

function signalHost({ lab }: Scene, signal: NodeJS.Signals): void {
  for (const pid of pidsIn(lab.namespace('b1'))) process.kill(pid, signal);
}

/** A folder of its own, so that a director adopts nothing of the one before. */
function ownPins(all: string): string {
  const own = path.join(all, `scene-${++pinned}`);
  mkdirSync(own);
  return own;
}

const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

async function measure(scene: string, event: string): Promise<Outcome> {
  const scope = new Scope();
  try {
    const { lab, victim } = await scenes[scene]!(scope);
    const argv = [...clientScript, vip.host, `${vip.port}`, `${staying}`, `${perSecond}`];
    const clients = await lab.spawn('client', argv);
    await clients.line(/"ready"/, { timeoutMs: 60_000 });
    await sleep(warmUpMs);
    const eventMs = monotonicMs();
    await events[event]!({ lab, victim });
    for (;;) {
      await sleep(100);
      const { told, bereaved } = outcomeOf(linesOf(clients), victim, eventMs);
      if (told === bereaved || monotonicMs() - eventMs > observedMs) break;
    }
    await sleep(afterMs);
    return outcomeOf(linesOf(clients), victim, eventMs);
  } finally {
    await scope.close();
  }
}

function linesOf(clients: Program): ClientLine[] {
  return clients.lines.map(({ text }) => JSON.parse(text) as ClientLine);
}

console.log(`${factsLine(peers)}, ${rounds} rounds, ${staying} clients, ${perSecond} newcomers/s`);
const results: { scene: string; event: string; outcomes: Outcome[] }[] = [];
for (const event of Object.keys(events))
  for (const scene of Object.keys(scenes))
    if (`${scene} ${event}`.includes(options.only)) results.push({ scene, event, outcomes: [] });
for (let round = 0; round < rounds; round++)
  for (const { scene, event, outcomes } of results) {
    const outcome = await measure(scene, event);
    outcomes.push(outcome);
    console.log(`round ${round + 1}, ${event}, ${scene}: ${JSON.stringify(outcome)}`);
  }

for (const { scene, event, outcomes } of results) {
  const seconds = (of: (outcome: Outcome) => number | undefined): string => {
    const values = outcomes.map((outcome) => (of(outcome) ?? NaN) / 1_000);
    return `${median(values).toFixed(2)} s (${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)})`;
  };
  const sum = (of: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  console.log(
    `${event.padEnd(10)}${scene.padEnd(16)}newcomers affected until ${seconds((each) => each.affectedUntilMs)}, ` +
      `${sum((each) => each.failed)} got nobody; told first ${seconds((each) => each.toldMs?.[0])}, last ` +
      `${seconds((each) => each.toldMs?.[2])}, ${sum((each) => each.told)} of ${sum((each) => each.bereaved)}; ` +
      `${sum((each) => each.othersLost)} others lost`,
  );
}
writeResult(options.json, {
  ...benchFacts('failover', peers),
  settings,
  staying,
  perSecond,
  rounds,
  results,
});
