import { pino, type DestinationStream, type Logger } from 'pino';
import { standardOutput } from './log-output.ts';
import { prettyLine } from './pretty.ts';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** `json`: one object a line, for machines; `pretty`: for people. */
export const logFormats = ['json', 'pretty'] as const;
export type LogFormat = (typeof logFormats)[number];

/**
 * The log of one process, on standard output: written at once, so that the last lines before an exit are there, but for what
 * nobody reads (log-output.ts). Nothing secret may be handed to it; keys that usually hold secrets are cut out all the same.
 */
export function createLogger(
  node: string,
  options: { readonly level: LogLevel; readonly format: LogFormat },
): Logger {
  const output = standardOutput();
  const destination: DestinationStream =
    options.format === 'pretty' ? { write: (line) => output.write(`${prettyLine(line)}\n`) } : output;
  const log = pino(
    { level: options.level, base: { node }, redact: ['secret', 'psk', 'key.psk', '*.secret', '*.psk'] },
    destination,
  );
  output.onResumed = (dropped) => {
    log.warn({ dropped }, `the log could not be written for a while: ${dropped} lines are missing here`);
  };
  return log;
}
