import { parseEndpoint, type Endpoint } from '../lib/address/index.ts';
import type { Json, RequestHandler } from '../lib/control/index.ts';
import { HeadgateError } from '../lib/errors/index.ts';
import { explain, type Explanation } from './explain.ts';
import type { ForwardingTable } from './forwarding-table.ts';
import type { FoundFlow } from './plane.ts';

/** Control request `{client: 'HOST:PORT', service?: NAME}`; the answer is `{explanations: ExplainedClient[]}`. */
export const explainMethod = 'explain';

/** An explanation, and where the client is when it is connected now. */
export interface ExplainedClient extends Explanation {
  /** Id of the balancer that the client's established connection is on; null when it has none. */
  readonly established: string | null;
  /** The entry of that connection; null when it has none. */
  readonly flow: Omit<FoundFlow, 'balancer'> | null;
}

/** Answers from the running table. Throws HEADGATE_DIRECTOR_EXPLAIN_REQUEST and HEADGATE_DIRECTOR_NO_SERVICE. */
export function explainHandler(
  table: () => ForwardingTable,
  find: (service: string, client: Endpoint) => FoundFlow | undefined,
): RequestHandler {
  return (body) => {
    const { client, service } = readRequest(body);
    const endpoint = parseEndpoint(client);
    if (endpoint === undefined)
      throw badRequest(`"${client.slice(0, 60)}" is not a client's address and port`);
    const explanations = explain(table(), endpoint, service);
    if (service !== undefined && explanations.length === 0) {
      throw new HeadgateError(
        'HEADGATE_DIRECTOR_NO_SERVICE',
        `there is no service "${service.slice(0, 60)}"`,
      );
    }
    const answer: ExplainedClient[] = explanations.map((explanation) => {
      const found = find(explanation.service, endpoint);
      if (found === undefined) return { ...explanation, established: null, flow: null };
      const { balancer, mode, state, confirmed } = found;
      return { ...explanation, established: balancer, flow: { mode, state, confirmed } };
    });
    return { explanations: answer.map((explanation) => ({ ...explanation })) };
  };
}

function readRequest(body: Json): { readonly client: string; readonly service: string | undefined } {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw badRequest('the request to explain is not an object');
  }
  const { client, service } = body as Readonly<Record<string, Json>>;
  if (typeof client !== 'string') throw badRequest('the request to explain names no client');
  if (service !== undefined && typeof service !== 'string') throw badRequest('the service is not a name');
  return { client, service };
}

function badRequest(message: string): HeadgateError {
  return new HeadgateError('HEADGATE_DIRECTOR_EXPLAIN_REQUEST', message);
}
