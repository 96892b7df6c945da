import type { Socket } from 'node:net';
import type { Endpoint } from '../address/index.ts';
import type { Clock } from '../clock/index.ts';
import { connectTcp } from '../control/index.ts';
import { isHeadgateError } from '../errors/index.ts';
import type { Send } from './monitor.ts';
import { questionMs, type Probe, type ProbeEvent } from './probe.ts';

/** What a TCP probe does after it connected; `expect` must come within the first 4 KiB of the answer. */
export interface TcpQuestion {
  readonly endpoint: Endpoint;
  readonly send?: string;
  readonly expect?: string;
}

/** Most bytes of an answer that are looked at. Banners and status lines are far shorter. */
const mostAnswerBytes = 4_096;

/** Connects once per beat, for servers that do not speak the heartbeat. */
export class TcpProbe implements Probe {
  readonly #question: TcpQuestion;
  readonly #clock: Clock;
  readonly #report: (event: ProbeEvent) => void;
  #controller: AbortController | undefined;

  constructor(question: TcpQuestion, clock: Clock, report: (event: ProbeEvent) => void) {
    this.#question = question;
    this.#clock = clock;
    this.#report = report;
  }

  beat({ beat }: Send): void {
    this.close();
    const controller = new AbortController();
    this.#controller = controller;
    void this.#ask(controller.signal).then((failure) => {
      if (!controller.signal.aborted)
        this.#report(failure === undefined ? { type: 'good', beat, reply: null } : { ...failure, beat });
    });
  }

  close(): void {
    this.#controller?.abort();
    this.#controller = undefined;
  }

  async #ask(signal: AbortSignal): Promise<{ type: 'refused' | 'failed'; why: string } | undefined> {
    try {
      const socket = await connectTcp(this.#question.endpoint, {
        timeoutMs: questionMs,
        clock: this.#clock,
        signal,
      });
      const why = await this.#converse(socket, signal);
      return why === '' ? undefined : { type: 'failed', why };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { type: isHeadgateError(error, 'HEADGATE_CONTROL_REFUSED') ? 'refused' : 'failed', why };
    }
  }

  /** Empty when all was as it should be, else what was not. The socket is closed afterwards. */
  async #converse(socket: Socket, signal: AbortSignal): Promise<string> {
    const { send, expect } = this.#question;
    if (signal.aborted || expect === undefined) {
      if (send !== undefined) socket.write(send);
      socket.destroySoon();
      return '';
    }
    const wanted = Buffer.from(expect);
    let answer = Buffer.alloc(0);
    return new Promise((resolve) => {
      const timer = this.#clock.after(questionMs, () => settle('no answer'));
      const giveUp = (): void => settle('given up');
      const settle = (why: string): void => {
        timer.cancel();
        signal.removeEventListener('abort', giveUp);
        socket.destroy();
        resolve(why);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      socket.on('data', (chunk: Buffer) => {
        answer = Buffer.concat([answer, chunk.subarray(0, mostAnswerBytes - answer.length)]);
        if (answer.includes(wanted)) settle('');
        else if (answer.length >= mostAnswerBytes) settle('the expected answer is not in its first 4 KiB');
      });
      socket.on('close', () => settle('it closed the connection before the expected answer'));
      if (socket.destroyed) settle('it closed the connection before the expected answer');
      else if (send !== undefined) socket.write(send);
    });
  }
}
