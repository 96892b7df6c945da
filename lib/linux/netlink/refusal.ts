import { HeadgateError } from '../../errors/index.ts';
import { syscallError } from '../errno.ts';
import { NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_DONE, NLMSGERR_ATTR_MSG } from './constants.ts';
import { errorLayout, headerLayout } from './layouts.ts';
import { decodeAttributes, textOf, type Message } from './message.ts';

/** What the kernel says at the end of a request: errno 0 means done. `text` is its own explanation, when it has one. */
export interface Verdict {
  readonly errno: number;
  readonly text: string | undefined;
}

/** Reads a message of type NLMSG_ERROR or NLMSG_DONE; undefined when it is too short. Never throws. */
export function decodeVerdict({ type, flags, payload }: Message): Verdict | undefined {
  // A dump that ends well may end without a number.
  if (type === NLMSG_DONE && payload.length < errorLayout.size) return { errno: 0, text: undefined };
  if (payload.length < errorLayout.size) return undefined;
  const errno = -errorLayout.get(payload, 'error');
  return { errno: errno === 0 ? 0 : errno, text: explanation(type, flags, payload) };
}

/** The extended acknowledgement (NETLINK_EXT_ACK): attributes behind the request that is quoted. */
function explanation(type: number, flags: number, payload: Uint8Array): string | undefined {
  if ((flags & NLM_F_ACK_TLVS) === 0) return undefined;
  let at = errorLayout.size;
  if (type !== NLMSG_DONE) {
    if (payload.length < at + headerLayout.size) return undefined;
    const quoted = headerLayout.get(payload, 'length', at);
    at += (flags & NLM_F_CAPPED) === 0 ? quoted : headerLayout.size;
  }
  const text = textOf(decodeAttributes(payload, at)?.get(NLMSGERR_ATTR_MSG));
  return text === '' ? undefined : text;
}

/** The error of a request that the kernel refused. Facts: errno, code, `explanation`. */
export function refusal(what: string, { errno, text }: Verdict): HeadgateError {
  const cause = syscallError('netlink', errno);
  const { code } = cause.facts;
  return new HeadgateError('HEADGATE_NETLINK_REFUSED', text === undefined ? what : `${what}: ${text}`, {
    cause,
    facts: { errno, code, explanation: text },
    ...(code === 'EPERM' ? { cure: 'run as root or grant CAP_NET_ADMIN' } : {}),
  });
}
