/**
 * What a balancer tells the directors about its connections, over the control channel: in batches which it has
 * (confirmed) and which have ended (disowned), and after each connect all of them. The wire format is in
 * docs/control-protocol.md.
 */
export * from './types.ts';
export { clientOfKey, endpointKey, flowKeyOf } from './key.ts';
export { frameBody, readFrame } from './codec.ts';
export { FlowSender, mostChanges, type FlowSource } from './sender.ts';
export { FlowSending, gatherMs, type SendingOptions } from './sending.ts';
export { FlowReceiver, type Received } from './receiver.ts';
export { ListedFlows, ListedKeys } from './listed-flows.ts';
export { LiveFlows, type FlowListener } from './live-flows.ts';
export { publishFlows, type FlowPublisher, type FlowPublisherStats } from './publish.ts';
export { subscribeFlows, type FlowSubscription, type SubscribeOptions } from './subscribe.ts';
