/** The director's end: asks a balancer for reports on a connection it has, and hands them on. */
import type { ControlConnection } from '../control/index.ts';
import { describeError, isHeadgateError } from '../errors/index.ts';
import { frameMethod, subscribeMethod } from './codec.ts';
import { clientOfKey } from './key.ts';
import { FlowReceiver } from './receiver.ts';
import type { FlowReport } from './types.ts';

/** Bound for the answer to a subscription, milliseconds; reports do not wait for it. */
const answerMs = 60_000;
/** Losses without a whole listing between them that are followed by another subscription; who has no end of them is left alone. */
const mostLosses = 16;

export interface SubscribeOptions {
  /** Id of the balancer, for its reports. */
  readonly balancer: string;
  readonly onReport: (report: FlowReport) => void;
  /** Reports were lost, or the balancer does not give any; one short line. */
  readonly onTrouble: (why: string) => void;
}

export interface FlowSubscription {
  /** Has the balancer begin anew, with full listings. */
  relist(): void;
}

/**
 * Subscribes; reports come until the connection ends, first full listings. A balancer that knows no reports (an older
 * version) gives none, and that is told.
 */
export function subscribeFlows(connection: ControlConnection, options: SubscribeOptions): FlowSubscription {
  const { balancer, onReport, onTrouble } = options;
  const receiver = new FlowReceiver();
  let losses = 0;

  const subscribe = (): void => {
    connection.request(subscribeMethod, {}, answerMs).then(
      (answer) => {
        if (answer !== true) onTrouble('it takes no more subscriptions to flow reports');
      },
      (error: unknown) => {
        // The end of the connection is told elsewhere.
        if (!isHeadgateError(error, 'HEADGATE_CONTROL_CLOSED')) onTrouble(describeError(error));
      },
    );
  };

  connection.onNotify((method, body) => {
    if (method !== frameMethod) return;
    const received = receiver.take(body);
    if (received.kind === 'late') return;
    if (received.kind === 'lost') {
      onTrouble(received.why);
      if (++losses <= mostLosses) subscribe();
      return;
    }
    const { service, listing, confirmed, disowned } = received.frame;
    if (listing === 'end') losses = 0;
    onReport({
      balancer,
      service,
      confirmed: confirmed.map(clientOfKey),
      disowned: disowned.map(clientOfKey),
      listing,
    });
  });
  subscribe();
  return { relist: subscribe };
}
