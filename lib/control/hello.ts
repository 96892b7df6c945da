/** The first frame of a client, and its answer: who each end is. */
import type { Json, PeerIdentity } from './types.ts';

/** Longest cluster or node name, characters. Names are far shorter; these stand in logs. */
const longestName = 256;

/** The body of a hello and of its answer. */
export function helloBody(identity: PeerIdentity): Json {
  return { cluster: identity.cluster, node: identity.node };
}

/** Reads the body of a hello or of its answer; undefined when it is not one. */
export function readHello(body: Json): PeerIdentity | undefined {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) return undefined;
  const { cluster, node } = body as Record<string, Json>;
  if (!isName(cluster) || !isName(node)) return undefined;
  return { cluster, node };
}

function isName(value: Json | undefined): value is string {
  // Control characters would let a peer forge log lines.
  return typeof value === 'string' && value.length <= longestName && !/\p{Cc}/u.test(value);
}
