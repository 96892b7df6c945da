import { keyText, type ForwardEndpoint } from '../forward/index.ts';
import type { DataPathMaps } from './data-path.ts';
import { encodeEndpoint, encodeOrigin, type MapEntry } from './encode.ts';

/**
 * Makes the kernel know exactly these endpoints (mode nat). Leave one that flows still belong to, though its service has
 * another mode or its balancer is gone. Throws RangeError before anything is changed when two have one address and port.
 */
export function writeEndpoints(
  { maps }: { readonly maps: Pick<DataPathMaps, 'endpoints' | 'origins'> },
  endpoints: readonly ForwardEndpoint[],
): void {
  const forth = endpoints.map(encodeEndpoint);
  const back = endpoints.map(encodeOrigin);
  if (new Set(back.map(({ key }) => keyText(key))).size !== back.length)
    throw new RangeError('two endpoints have the same address and port');
  // No packet is sent where its answer would not be known.
  keepOnly(maps.endpoints, forth);
  keepOnly(maps.origins, back);
  for (const { key, value } of back) maps.origins.update(key, value);
  for (const { key, value } of forth) maps.endpoints.update(key, value);
}

function keepOnly(map: DataPathMaps['endpoints'], entries: readonly MapEntry[]): void {
  const wanted = new Set(entries.map(({ key }) => keyText(key)));
  for (const key of Array.from(map.keys())) if (!wanted.has(keyText(key))) map.delete(key);
}
