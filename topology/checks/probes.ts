/** Probe settings that go together. */
import { mismatch, type Finding } from '../problem.ts';
import type { CheckedFile } from './index.ts';

/** `port`, `send` and `expect` belong to `probe: tcp`, and what is sent must be answered. */
export function probeMistakes({ file }: CheckedFile): readonly Finding[] {
  const findings: Finding[] = [];
  for (const tier of ['balancers', 'chatservers'] as const) {
    for (const [name, { heartbeat }] of Object.entries(file[tier])) {
      const wrong = (key: string, message: string): void => {
        const path = [tier, name, 'heartbeat', key];
        findings.push({ code: 'HEADGATE_TOPOLOGY_INVALID_VALUE', path, at: 'key', message });
      };
      for (const key of ['port', 'send', 'expect'] as const) {
        if (heartbeat[key] === undefined || heartbeat.probe === 'tcp') continue;
        const got = `${key} with probe: ${heartbeat.probe}`;
        wrong(key, mismatch(`${key} only with probe: tcp`, got, 'probe: tcp'));
      }
      if (heartbeat.probe === 'tcp' && heartbeat.send !== undefined && heartbeat.expect === undefined) {
        wrong('send', mismatch('expect beside send', 'send alone'));
      }
    }
  }
  return findings;
}
