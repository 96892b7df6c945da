/** The balancer's end: everybody who subscribes on its control channel is told of its flows. */
import type { Clock } from '../clock/index.ts';
import type { ControlPeer, ControlServer } from '../control/index.ts';
import { frameBody, frameMethod, subscribeMethod } from './codec.ts';
import type { FlowListener } from './live-flows.ts';
import type { FlowSource } from './sender.ts';
import { FlowSending } from './sending.ts';

/** Connections that are told; the control server has no more of them either. */
const mostSubscribers = 1_024;

/** Each counts from start. */
export interface FlowPublisherStats {
  /** Frames handed to directors. Expected. */
  flowReports: number;
  /** Subscriptions, each of which begins with full listings: a director connected. Expected. */
  flowListings: number;
  /** Backlogs dropped because a director did not read; a full listing follows when it does. Rare. */
  flowBacklogsDropped: number;
}

export interface FlowPublisher {
  /** A flow became live or ended; `source` says so already. */
  readonly changed: FlowListener;
  stats(): Readonly<FlowPublisherStats>;
  /** Tells nobody any more. */
  close(): void;
}

/** Answers subscriptions at `server` with the flows of `source`. */
export function publishFlows(options: {
  readonly server: Pick<ControlServer, 'handle'>;
  readonly source: FlowSource;
  readonly clock: Clock;
}): FlowPublisher {
  const { server, source, clock } = options;
  const subscribers = new Map<number, FlowSending>();
  const stats = { flowReports: 0, flowListings: 0, flowBacklogsDropped: 0 };
  let closed = false;

  const end = (id: number): void => {
    const sending = subscribers.get(id);
    if (sending === undefined) return;
    subscribers.delete(id);
    sending.close();
    stats.flowBacklogsDropped += sending.dropped;
  };
  server.handle(subscribeMethod, (_body, peer: ControlPeer) => {
    if (closed || (subscribers.size >= mostSubscribers && !subscribers.has(peer.id))) return false;
    const isNew = !subscribers.has(peer.id);
    end(peer.id);
    stats.flowListings++;
    const sending = new FlowSending({
      source,
      clock,
      send(frame, sent) {
        stats.flowReports++;
        return peer.notify(frameMethod, frameBody(frame), sent);
      },
    });
    subscribers.set(peer.id, sending);
    if (isNew) peer.onClose(() => end(peer.id));
    return true;
  });

  return {
    changed(service, key, isLive) {
      for (const sending of subscribers.values()) sending.changed(service, key, isLive);
    },
    stats() {
      const live = [...subscribers.values()].reduce((sum, { dropped }) => sum + dropped, 0);
      return { ...stats, flowBacklogsDropped: stats.flowBacklogsDropped + live };
    },
    close() {
      closed = true;
      for (const id of subscribers.keys()) end(id);
    },
  };
}
