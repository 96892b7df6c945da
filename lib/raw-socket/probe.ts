import { describeError } from '../errors/index.ts';
import { IPPROTO_RAW } from '../linux/index.ts';
import { openRawSocket } from './raw-socket.ts';

let answer: { readonly why: string | undefined } | undefined;

/** Why raw sockets cannot be opened here, in one line with its cure; undefined when they can. Tried once per process. */
export function whyNoRawSockets(): string | undefined {
  answer ??= { why: probe() };
  return answer.why;
}

function probe(): string | undefined {
  if (process.platform !== 'linux') return `raw sockets need Linux, this is ${process.platform}`;
  try {
    openRawSocket({ family: 4, protocol: IPPROTO_RAW, headerIncluded: true }).close();
    return undefined;
  } catch (error) {
    return describeError(error);
  }
}
