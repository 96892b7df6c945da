import type { Endpoint } from '../../lib/address/index.ts';
import { HeadgateError } from '../../lib/errors/index.ts';
import { ipBytes } from '../../lib/packet/index.ts';
import { keyText, serviceKey, serviceLayout, type ForwardService } from '../forward/index.ts';
import type { DataPath } from './data-path.ts';
import { encodeService, encodeTable } from './encode.ts';

/**
 * Makes the kernel run exactly these services. Each new table is written to the one of its two places that does not
 * run, then the service's entry is replaced whole: a packet meets the old service or the new one. A service that is the same
 * object in `unchanged` runs already and is not written again. Throws HEADGATE_XDP_CAPACITY before anything is changed.
 */
export function writeServices(
  { maps, capacity }: Pick<DataPath, 'maps' | 'capacity'>,
  services: readonly ForwardService[],
  unchanged: readonly ForwardService[] = [],
): void {
  for (const { index } of services) {
    if (index < capacity.services) continue;
    throw new HeadgateError('HEADGATE_XDP_CAPACITY', `service ${index}: the maps hold ${capacity.services}`);
  }
  const wanted = services.map((service) => ({ service, key: serviceKey(service.address, service.port) }));
  const addresses = services.map(({ address }) => serviceKey(address, 0));
  // First what goes: a table that another service ran may be written now.
  keepOnly(
    maps.services,
    wanted.map(({ key }) => key),
  );
  keepOnly(maps.vips, addresses);
  for (const address of addresses) maps.vips.update(address, new Uint8Array(4));
  for (const { service, key } of wanted) {
    if (unchanged.includes(service)) continue;
    const running = maps.services.lookup(key);
    const first = 2 * service.index;
    const table = running !== undefined && serviceLayout.get(running, 'table') === first ? first + 1 : first;
    maps.tables.update(table, encodeTable(service.slots, capacity.tableSize));
    maps.services.update(key, encodeService(service, table));
  }
}

/** The running entry of a VIP; undefined when there is none. */
export function readService(
  { maps }: Pick<DataPath, 'maps'>,
  { host, port }: Endpoint,
): Uint8Array | undefined {
  return maps.services.lookup(serviceKey(ipBytes(host), port));
}

function keepOnly(
  map: { keys(): Iterable<Uint8Array>; delete(key: Uint8Array): boolean },
  keys: readonly Uint8Array[],
): void {
  const wanted = new Set(keys.map(keyText));
  for (const key of Array.from(map.keys())) if (!wanted.has(keyText(key))) map.delete(key);
}
