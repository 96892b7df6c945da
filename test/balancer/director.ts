import type { ExecutionContext } from 'ava';
import { connectControl, type Json } from '../../lib/control/index.ts';
import type { HeartbeatReply, Way } from '../../lib/heartbeat/index.ts';
import { key, type Running } from './running.ts';

/** A director's ear: asks the balancer how it is, and hears what it announces. */
export class Director {
  /** Readiness of the service chat as announced, oldest first. */
  readonly announced: string[] = [];
  readonly #request: (body: Json) => Promise<Json>;

  private constructor(request: (body: Json) => Promise<Json>) {
    this.#request = request;
  }

  /** Opens the balancer's control port and connects; ends with the test. */
  static async of(t: ExecutionContext, { control, block }: Running): Promise<Director> {
    const endpoint = { host: block.balancer.host, port: 7400 };
    await control.listen(endpoint);
    const connection = await connectControl({ endpoint, key, cluster: 'test', node: 'd1', timeoutMs: 5_000 });
    t.teardown(() => connection.close());
    const director = new Director((body) => connection.request('heartbeat', body, 5_000));
    connection.onNotify((_method, body) => void director.announced.push(readinessOf(body)));
    return director;
  }

  /** Beats once; what the balancer tells. `forwards`: how this director forwards, by VIP; default: it does not say. */
  async reply(forwards?: Readonly<Record<string, Way>>): Promise<HeartbeatReply> {
    const body = { node: 'd1', ...(forwards && { forwards }) };
    return (await this.#request(body)) as unknown as HeartbeatReply;
  }

  /** Beats once; readiness of the service chat. */
  async readiness(): Promise<string> {
    return (await this.reply()).services['chat']!.state;
  }
}

function readinessOf(body: Json): string {
  return (body as unknown as HeartbeatReply).services['chat']!.state;
}
