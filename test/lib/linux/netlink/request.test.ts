import test from 'ava';
import { decodeLink } from '../../../../lib/linux/netlink/decode.ts';
import { Requests, type Wire } from '../../../../lib/linux/netlink/request.ts';
import type { Received } from '../../../../lib/linux/netlink/socket.ts';
import { done, hex, linkMessage, refused } from './golden.ts';

const request = { what: 'list the interfaces', type: 18, flags: 0, struct: new Uint8Array(16) };
/** NLM_F_DUMP_INTR */
const interrupted = 0x10;

/** A kernel that answers the nth request with `answers[n - 1]`. */
class Kernel implements Wire {
  readonly sent: Uint8Array[] = [];
  #waiting: Received[] = [];
  readonly #answers: (sequence: number) => readonly Received[];

  constructor(answers: (sequence: number) => readonly Received[]) {
    this.#answers = answers;
  }

  send(message: Uint8Array): void {
    this.sent.push(message);
    this.#waiting = [...this.#answers(this.sent.length)];
  }

  receive(): Received {
    return this.#waiting.shift() ?? 'nothing';
  }
}

test('a list goes over several datagrams and ends with the kernel’s word', (t) => {
  const kernel = new Kernel((sequence) => [
    linkMessage(sequence),
    Buffer.concat([linkMessage(sequence), done(sequence)]),
  ]);
  t.is(new Requests(kernel).list(request, decodeLink).length, 2);
});

test('a list that changed while it was told is asked for again', (t) => {
  const kernel = new Kernel((sequence) =>
    sequence < 3
      ? [linkMessage(sequence, interrupted), linkMessage(sequence), done(sequence)]
      : [linkMessage(sequence), done(sequence)],
  );
  t.is(new Requests(kernel).list(request, decodeLink).length, 1);
  t.is(kernel.sent.length, 3);
});

test('a list that never stands still is given up', (t) => {
  const kernel = new Kernel((sequence) => [linkMessage(sequence), done(sequence, interrupted)]);
  const error = t.throws(() => new Requests(kernel).list(request, decodeLink));
  t.like(error, { code: 'HEADGATE_NETLINK_UNSTEADY' });
  t.is(kernel.sent.length, 8);
});

test('answers to earlier requests are not taken for this one’s', (t) => {
  const kernel = new Kernel((sequence) => [
    Buffer.concat([linkMessage(sequence - 1), done(sequence - 1)]),
    linkMessage(sequence),
    done(sequence),
  ]);
  t.is(new Requests(kernel).list(request, decodeLink).length, 1);
});

test('a refusal carries errno and the kernel’s own explanation', (t) => {
  const kernel = new Kernel((sequence) => [refused(sequence, 22, 'Invalid prefix length')]);
  const error = t.throws(() => new Requests(kernel).act({ ...request, what: 'add 10.0.0.1/77' }));
  t.like(error, {
    code: 'HEADGATE_NETLINK_REFUSED',
    message: 'add 10.0.0.1/77: Invalid prefix length',
    facts: { errno: 22, code: 'EINVAL', explanation: 'Invalid prefix length' },
  });
});

test('a refusal for want of privileges says which', (t) => {
  const kernel = new Kernel((sequence) => [refused(sequence, 1)]);
  t.like(
    t.throws(() => new Requests(kernel).act(request)),
    { cure: 'run as root or grant CAP_NET_ADMIN', facts: { code: 'EPERM' } },
  );
});

test('no answer, half an answer, an overrun and an answer without its object are told as malformed', (t) => {
  const answers: readonly ((sequence: number) => readonly Received[])[] = [
    () => [],
    () => ['overrun'],
    (sequence) => [linkMessage(sequence).subarray(0, 30)],
    (sequence) => [refused(sequence, 0).subarray(0, 18)],
    (sequence) => [refused(sequence, 0)],
  ];
  for (const answer of answers) {
    const error = t.throws(() => new Requests(new Kernel(answer)).ask(request, decodeLink));
    t.like(error, { code: 'HEADGATE_NETLINK_MALFORMED' });
  }
  const short = new Kernel((sequence) => [
    Buffer.concat([hex('12000000 0200 0000'), hex(`0${sequence}000000 00000000 0000 0000`)]),
  ]);
  t.like(
    t.throws(() => new Requests(short).act(request)),
    { code: 'HEADGATE_NETLINK_MALFORMED' },
  );
});
