import pretty from 'pino-pretty';

const shape = {
  colorize: process.stdout.isTTY,
  translateTime: 'SYS:HH:MM:ss.l',
  // What the message says already, or the reader knows.
  ignore: 'pid,hostname,node,target,peer,version',
  singleLine: true,
} as const;

/** Turns one JSON log line into a line for people; text that is no log line stays as it is. */
export const prettyLine: (line: string) => string = (() => {
  const format = pretty.prettyFactory(shape);
  return (line) => (line.startsWith('{') ? format(line).trimEnd() : line);
})();
