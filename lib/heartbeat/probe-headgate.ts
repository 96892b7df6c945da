import type { Endpoint } from '../address/index.ts';
import type { Clock } from '../clock/index.ts';
import { connectControl, isNotThere, type ControlConnection, type ControlKeys } from '../control/index.ts';
import { isHeadgateError } from '../errors/index.ts';
import { withForwards, type Forwards } from './forwards.ts';
import { hearGeneration, withGeneration, type Generations } from './generations.ts';
import type { Send } from './monitor.ts';
import { questionMs, type Probe, type ProbeEvent } from './probe.ts';
import { announceMethod, heartbeatMethod, readReply } from './reply.ts';

/** Who asks, and with which key. */
export interface ControlIdentity {
  readonly key: ControlKeys;
  readonly cluster: string;
  readonly node: string;
  /** Hears which generation the target runs, and tells it ours. */
  readonly generations?: Generations;
  /** In which way this node forwards each service now. Called for each beat; must be cheap. */
  readonly forwards?: () => Forwards;
}

/** Who has to answer, and where. */
export interface HeadgateTarget {
  readonly node: string;
  readonly endpoint: Endpoint;
}

/** One connection in use, being made or made. */
interface Line {
  readonly number: number;
  readonly controller: AbortController;
  connection?: ControlConnection;
}

/** Beats a headgate node over one persistent control connection. */
export class HeadgateProbe implements Probe {
  readonly #target: HeadgateTarget;
  readonly #identity: ControlIdentity;
  readonly #clock: Clock;
  readonly #report: (event: ProbeEvent) => void;
  readonly #connected: (connection: ControlConnection) => void;
  #line: Line | undefined;

  constructor(
    target: HeadgateTarget,
    identity: ControlIdentity,
    clock: Clock,
    report: (event: ProbeEvent) => void,
    connected: (connection: ControlConnection) => void = () => {},
  ) {
    this.#target = target;
    this.#identity = identity;
    this.#clock = clock;
    this.#report = report;
    this.#connected = connected;
  }

  beat(send: Send): void {
    if (send.fresh || this.#line === undefined) {
      this.close();
      this.#line = { number: send.connection, controller: new AbortController() };
    }
    void this.#ask(this.#line, send.beat);
  }

  close(): void {
    const line = this.#line;
    // First, so that the end of the connection is not reported.
    this.#line = undefined;
    line?.controller.abort();
    line?.connection?.close();
  }

  async #ask(line: Line, beat: number): Promise<void> {
    // A line given up meanwhile has nothing to say any more.
    const report = (event: ProbeEvent): void => {
      if (this.#line === line) this.#report(event);
    };
    try {
      const connection = line.connection ?? (await this.#connect(line, report));
      const { node, generations, forwards } = this.#identity;
      const question = withForwards(withGeneration({ node }, generations), forwards?.());
      const answer = await connection.request(heartbeatMethod, question, questionMs);
      hearGeneration(answer, { endpoint: this.#target.endpoint }, generations);
      const reply = readReply(answer);
      if (reply === undefined) report({ type: 'failed', beat, why: 'its answer is not a heartbeat reply' });
      else report({ type: 'good', beat, reply });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (isNotThere(error)) report({ type: 'refused', beat, why });
      else if (!isHeadgateError(error, 'HEADGATE_CONTROL_CLOSED')) report({ type: 'failed', beat, why });
      // A connection that was there reports its end itself.
      else if (line.connection === undefined) report({ type: 'closed', connection: line.number, why });
    }
  }

  async #connect(line: Line, report: (event: ProbeEvent) => void): Promise<ControlConnection> {
    const { key, cluster, node } = this.#identity;
    const connection = await connectControl({
      key,
      cluster,
      node,
      endpoint: this.#target.endpoint,
      expectedNode: this.#target.node,
      timeoutMs: questionMs,
      clock: this.#clock,
      signal: line.controller.signal,
    });
    line.connection = connection;
    // Given up in the moment it was made.
    const isGivenUp = line.controller.signal.aborted;
    if (isGivenUp) connection.close();
    connection.onNotify((method, body) => {
      // Anything else is passed over: it changes nothing we know, and the next beat asks anyway.
      const reply = method === announceMethod ? readReply(body) : undefined;
      if (reply !== undefined) report({ type: 'announced', connection: line.number, reply });
    });
    connection.onClose((reason) => {
      report({ type: 'closed', connection: line.number, why: `the connection ended (${reason})` });
    });
    if (!isGivenUp) this.#connected(connection);
    return connection;
  }
}
