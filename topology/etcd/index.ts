/** Topologies in etcd. */
import { HeadgateError } from '../../lib/errors/index.ts';
import type { TopologySource } from '../source.ts';
import { EtcdStore } from './store.ts';
import { awayAs, EtcdWatch, foundIn } from './watch.ts';

export type { SharedReading, SharedStore } from './store.ts';

export interface EtcdSourceOptions {
  /** Time between looks that do not wait for an event, milliseconds. */
  readonly checkMs?: number;
}

/** The topology at `etcd://…`. Throws HEADGATE_ETCD_ADDRESS. */
export function etcdSource(
  address: string,
  env: Readonly<NodeJS.ProcessEnv>,
  { checkMs }: EtcdSourceOptions = {},
): TopologySource {
  const store = new EtcdStore(address, env);
  return {
    name: store.name,
    shared: store,
    async read() {
      try {
        return foundIn(await store.load(), store.name);
      } catch (error) {
        if (error instanceof HeadgateError) return awayAs(error, store.name);
        throw error;
      }
    },
    watch: (handlers, options) => new EtcdWatch(store, handlers, options?.running, checkMs),
    // Whoever rolls out has written it before the nodes switched.
    write: async () => Promise.resolve(),
    close: () => store.close(),
  };
}
