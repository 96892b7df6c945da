/** Names that must exist, be unique, and be there at all. */
import { mismatch, type Finding, type Path } from '../problem.ts';
import { maxNodesPerTier, maxServices, sections, type Section } from '../schema/index.ts';
import { listSome, nearest } from '../suggest.ts';
import { valueAt } from '../yaml-source.ts';
import type { CheckedFile } from './index.ts';

/** What one entry of a section is called. */
export const entryWord: Readonly<Record<Section, string>> = {
  services: 'service',
  directors: 'director',
  balancers: 'balancer',
  chatservers: 'chat server',
};

/** Exactly one source of the secret. */
export function secretMistakes({ value }: CheckedFile): readonly Finding[] {
  const secret = valueAt(value, ['secret']);
  if (typeof secret !== 'object' || secret === null || Array.isArray(secret)) return [];
  const [file, env] = ['file', 'env'].map((key) => Object.hasOwn(secret, key));
  if (file !== env) return [];
  const message = mismatch('exactly one of file: PATH and env: VARIABLE', file ? 'both' : 'neither');
  return [{ code: 'HEADGATE_TOPOLOGY_INVALID_VALUE', path: ['secret'], at: 'key', message }];
}

/** No tier empty, none too large. */
export function countMistakes({ names, value }: CheckedFile): readonly Finding[] {
  const findings: Finding[] = [];
  for (const section of sections) {
    const most = section === 'services' ? maxServices : maxNodesPerTier;
    const entries = valueAt(value, [section]);
    const isMap = typeof entries === 'object' && entries !== null && !Array.isArray(entries);
    const count = names[section].length;
    const expected = `1 to ${most} ${entryWord[section]}s`;
    if (isMap && count === 0) {
      const message = mismatch(expected, 'none');
      findings.push({ code: 'HEADGATE_TOPOLOGY_EMPTY_TIER', path: [section], at: 'key', message });
    } else if (count > most) {
      const message = mismatch(expected, String(count));
      findings.push({ code: 'HEADGATE_TOPOLOGY_INVALID_VALUE', path: [section], at: 'key', message });
    }
  }
  return findings;
}

/** Node names unique over all tiers; names in lists defined, and once each. */
export function nameMistakes({ names, value }: CheckedFile): readonly Finding[] {
  const findings: Finding[] = [];
  const owner = new Map<string, Section>();
  for (const section of ['directors', 'balancers', 'chatservers'] as const) {
    for (const name of names[section]) {
      const other = owner.get(name);
      if (other === undefined) owner.set(name, section);
      else {
        const message = mismatch('a name no other node has', `${name}, which is also a ${entryWord[other]}`);
        findings.push({
          code: 'HEADGATE_TOPOLOGY_DUPLICATE_NAME',
          path: [section, name],
          at: 'key',
          message,
        });
      }
    }
  }
  for (const service of names.services) {
    for (const section of ['balancers', 'chatservers'] as const) {
      const known = new Set(names[section]);
      const seen = new Set<string>();
      for (const [index, name] of listAt(value, ['services', service, section])) {
        const path = ['services', service, section, index];
        if (!known.has(name)) {
          const expected = `the name of a ${entryWord[section]} (${listSome([...known])})`;
          const message = mismatch(expected, name, nearest(name, known));
          findings.push({ code: 'HEADGATE_TOPOLOGY_UNKNOWN_NAME', path, at: 'value', message });
        } else if (seen.has(name)) {
          const message = mismatch('each name once', `${name} a second time`);
          findings.push({ code: 'HEADGATE_TOPOLOGY_INVALID_VALUE', path, at: 'value', message });
        }
        seen.add(name);
      }
    }
  }
  return findings;
}

/** The names of a list as written, with their indexes; entries that are no text are the schema's business. */
function listAt(value: unknown, path: Path): readonly (readonly [number, string])[] {
  const list = valueAt(value, path);
  if (!Array.isArray(list)) return [];
  return list.flatMap((name: unknown, index) => (typeof name === 'string' ? [[index, name] as const] : []));
}

/** `port` only for balancers of one service, `ports` only for services that exist. */
export function portMistakes({ file, names }: CheckedFile): readonly Finding[] {
  const findings: Finding[] = [];
  const services = new Set(names.services);
  for (const [name, { port, ports }] of Object.entries(file.balancers)) {
    const served = Object.keys(file.services).filter(
      (service) => file.services[service]?.balancers?.includes(name) ?? true,
    );
    const wrong = (key: string, message: string): void => {
      findings.push({
        code: 'HEADGATE_TOPOLOGY_INVALID_VALUE',
        path: ['balancers', name, key],
        at: 'key',
        message,
      });
    };
    if (port !== undefined && ports !== undefined) wrong('port', mismatch('either port or ports', 'both'));
    else if (port !== undefined && served.length > 1) {
      const example = served.map((service, index) => `${service}: ${port + index}`);
      const got = `one port for ${served.length} services`;
      wrong('port', mismatch('a port for each service', got, `ports: { ${listSome(example, 3)} }`));
    }
    for (const service of Object.keys(ports ?? {})) {
      if (services.has(service)) continue;
      const path = ['balancers', name, 'ports', service];
      const message = mismatch(
        `the name of a service (${listSome([...services])})`,
        service,
        nearest(service, services),
      );
      findings.push({ code: 'HEADGATE_TOPOLOGY_UNKNOWN_NAME', path, at: 'key', message });
    }
  }
  return findings;
}
