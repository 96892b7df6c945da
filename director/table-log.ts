import type { Logger } from 'pino';
import { formatEndpoint } from '../lib/address/index.ts';
import { standingTexts } from './eligibility.ts';
import type { ModeChoice } from './forwarding-mode.ts';
import type { ForwardingTable, ServiceForwarding } from './forwarding-table.ts';

/** Tells the operator what a new table changes: one line per service whose VIP or eligible balancers are others. */
export function logTableChange(
  log: Logger,
  modes: ReadonlyMap<string, ModeChoice>,
  before: ForwardingTable | undefined,
  after: ForwardingTable,
): void {
  for (const service of after.services) {
    const old = before?.services.find(({ name }) => name === service.name);
    if (old === undefined)
      log.info(`service ${service.name}: VIP ${formatEndpoint(service.listen)}, ${modeText(modes, service)}`);
    else if (old.mode !== service.mode)
      log.info(
        `service ${service.name}: new connections from now on ${modeText(modes, service)}; established ones stay as they are`,
      );
    if (service.owners.length === 0 && (old === undefined ? isStarting(service) : old.owners.length === 0))
      continue;
    if (old === undefined || old.maglev !== service.maglev) logOwners(log, service);
  }
  const gone = before?.services.filter(
    ({ name }) => !after.services.some((service) => service.name === name),
  );
  for (const { name } of gone ?? []) log.info(`service ${name}: removed; established connections stay`);
  for (const id of after.dead) {
    if (before?.dead.includes(id) !== true) log.warn(`balancer ${id} is dead: its connections are ended`);
  }
}

/** Some balancer has not had the time to answer for a new service: nothing to warn of yet. */
function isStarting({ balancers }: ServiceForwarding): boolean {
  return balancers.some(({ standing }) => standing === 'unknown' || standing === 'not-serving');
}

function modeText(modes: ReadonlyMap<string, ModeChoice>, { name, mode }: ServiceForwarding): string {
  const why = modes.get(name)?.why ?? '';
  return `forwarding: ${mode}${why === '' ? '' : ` (${why})`}`;
}

function logOwners(log: Logger, { name, owners, balancers }: ServiceForwarding): void {
  const others = balancers
    .filter(({ standing }) => standing !== 'eligible')
    .map((balancer) => `${balancer.name} ${standingTexts[balancer.standing]}`);
  const rest = others.length === 0 ? '' : ` (${others.join(', ')})`;
  if (owners.length === 0)
    log.warn(`service ${name}: no balancer is eligible, new connections are refused${rest}`);
  else
    log.info(`service ${name}: new connections go to ${owners.map((owner) => owner.name).join(', ')}${rest}`);
}
