/** An applier that is killed: nothing comes of it any more, and the kernel closes its connections. */
import type { ControlConnection, Json } from '../../../lib/control/index.ts';
import type { ConnectNode } from '../../../node/index.ts';

export interface DyingApplier {
  readonly connect: ConnectNode;
  readonly dead: () => boolean;
}

/** Connects as `connect` does, until the applier is killed before its `nth` request of the method `before`. */
export function dyingApplier(
  { before, nth }: { readonly before: string; readonly nth: number },
  connect: ConnectNode,
): DyingApplier {
  let left = nth;
  const open: ControlConnection[] = [];
  return {
    dead: () => left === 0,
    async connect(address) {
      const connection = await connect(address);
      open.push(connection);
      return {
        ...wrap(connection),
        async request(method: string, body: Json, timeoutMs: number) {
          if (left > 0 && method === before) left -= 1;
          if (left > 0) return connection.request(method, body, timeoutMs);
          for (const each of open) each.close();
          return new Promise<Json>(() => undefined);
        },
      };
    },
  };
}

/** As an object whose methods a test may replace. */
export function wrap(connection: ControlConnection): ControlConnection {
  return {
    request: (method, body, timeoutMs) => connection.request(method, body, timeoutMs),
    notify: (method, body) => connection.notify(method, body),
    onNotify: (handler) => connection.onNotify(handler),
    onClose: (run) => connection.onClose(run),
    close: () => connection.close(),
  };
}
