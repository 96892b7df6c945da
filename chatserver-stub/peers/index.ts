/** What chat servers tell each other over the control channel. */
export { Peers, type PeersOptions } from './peers.ts';
export type { PeerConnector } from './peer-link.ts';
export type { Delivery } from './inbox.ts';
export type { PeerEvent, PeerPerson } from './peer-events.ts';
export { mostPeoplePerPeer } from './peer-limits.ts';
