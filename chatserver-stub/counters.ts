/** What a chat server counts from its start; docs/counters.md lists them. */
export interface ChatCounters {
  /** Connections refused because the server was full. Not expected: balancers avoid a full server. */
  refusedFull: number;
  /** Connections closed because nobody logged in in time. Rare. */
  loginTimeouts: number;
  /** Connections closed because they sent something else than lines of JSON. Not expected. */
  closedGarbage: number;
  /** Connections closed because they did not read. Rare. */
  closedSlow: number;
  /** Messages refused with an error. Rare. */
  refusedMessages: number;
  /** Times a client was read more slowly because it sent too much. Rare. */
  throttled: number;
  /** Logins refused, or ended later, because the name belongs to somebody else. Expected. */
  namesTaken: number;
  /** Connections ended because their own client logged in again elsewhere. Expected after reconnects. */
  replaced: number;
  /** Says taken from clients. Expected. */
  says: number;
  /** Tells taken from clients. Expected. */
  tells: number;
  /** Messages that had arrived before: sent again after a reconnect. Expected then. */
  duplicates: number;
  /** Times a peer was told everybody anew. Expected at starts. */
  peerSyncs: number;
  /** Connections to peers that broke. Rare. */
  peerBreaks: number;
  /** Events given up because a peer was away too long or took too little. Not expected while it lives. */
  peerEventsLost: number;
  /** People of peers left out because they were more than a peer may have. Not expected. */
  peerPeopleOver: number;
  /** Chat servers that the topology does not name and for which there was no room. Not expected. */
  peersRefused: number;
}

export function newCounters(): ChatCounters {
  return {
    refusedFull: 0,
    loginTimeouts: 0,
    closedGarbage: 0,
    closedSlow: 0,
    refusedMessages: 0,
    throttled: 0,
    namesTaken: 0,
    replaced: 0,
    says: 0,
    tells: 0,
    duplicates: 0,
    peerSyncs: 0,
    peerBreaks: 0,
    peerEventsLost: 0,
    peerPeopleOver: 0,
    peersRefused: 0,
  };
}
