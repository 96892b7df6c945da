import { pino, type DestinationStream, type Logger } from 'pino';
import { pinoPretty } from './pretty.ts';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** `json`: one object a line, for machines; `pretty`: for people. */
export const logFormats = ['json', 'pretty'] as const;
export type LogFormat = (typeof logFormats)[number];

/**
 * The log of one process, on standard output. Synchronous, so that the last lines before an exit are there.
 * Nothing secret may be handed to it; keys that usually hold secrets are cut out all the same.
 */
export function createLogger(
  node: string,
  options: { readonly level: LogLevel; readonly format: LogFormat },
): Logger {
  const destination: DestinationStream =
    options.format === 'pretty' ? pinoPretty() : pino.destination({ dest: 1, sync: true });
  return pino(
    { level: options.level, base: { node }, redact: ['secret', 'psk', 'key.psk', '*.secret', '*.psk'] },
    destination,
  );
}
