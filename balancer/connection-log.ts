import { formatEndpoint } from '../lib/address/index.ts';
import type { ConnectionRecord } from '../lib/relay/index.ts';

/** The fields of a log record about a connection that ended; `server` is null when it never reached one. */
export function connectionFields(
  record: ConnectionRecord,
  serverName: (key: string) => string | undefined,
): Readonly<Record<string, unknown>> {
  const { client, destination, bytesUp, bytesDown, durationMs, retries, reason } = record;
  return {
    service: client.service,
    client: formatEndpoint(client.source),
    server: destination === null ? null : (serverName(destination.id) ?? destination.id),
    serverAddress: destination === null ? null : formatEndpoint(destination.endpoint),
    bytesUp,
    bytesDown,
    durationMs: Math.round(durationMs),
    retries,
    reason,
  };
}
