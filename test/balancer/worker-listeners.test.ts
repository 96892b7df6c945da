import test from 'ava';
import { listenError } from '../../balancer/listen-failures.ts';
import { WorkerListeners } from '../../balancer/worker-listeners.ts';
import type { WorkerService } from '../../balancer/worker-protocol.ts';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import type { ListenSpec, RelayListener } from '../../lib/relay/index.ts';

/** A relay that only listens, and notes what happens in order. */
class FakeRelay {
  readonly events: string[] = [];
  failure: unknown;

  listen(spec: ListenSpec): Promise<RelayListener> {
    const name = `${spec.service}:${spec.endpoint.port}`;
    if (this.failure !== undefined) return Promise.reject(this.failure as Error);
    this.events.push(`open ${name}`);
    return Promise.resolve({
      spec,
      update: ({ allowFrom }) => void this.events.push(`update ${name} for ${[...(allowFrom ?? [])].join()}`),
      close: () => Promise.resolve(void this.events.push(`close ${name}`)),
    });
  }
}

function service(
  name: string,
  port: number,
  allowFrom: string[] | null = ['d1'],
  place: 'own' | 'vip' = 'own',
): WorkerService {
  const settings = {
    connectTimeoutMs: 1,
    keepaliveMs: 1,
    userTimeoutMs: 1,
    bufferBytes: 65_536,
    headerTimeoutMs: 1,
  };
  return {
    name,
    place,
    endpoint: { host: '127.0.0.1', port },
    vip: `203.0.113.10:${port}`,
    backlog: 1,
    acceptProxy: [],
    forwarders: { peers: ['d1'], acceptProxy: ['v2'] },
    allowFrom,
    sendProxy: 'off',
    settings,
  };
}

test('listeners are opened, updated, moved and closed as the config changes', async (t) => {
  const relay = new FakeRelay();
  const listeners = new WorkerListeners(relay, true);
  await listeners.apply({ accepting: true, services: [service('a', 1), service('b', 2)] });
  await listeners.apply({ accepting: true, services: [service('a', 1, ['d1', 'd2']), service('b', 3)] });
  t.deepEqual(listeners.listening('own'), ['a', 'b']);
  await listeners.apply({ accepting: true, services: [service('b', 3)] });
  await listeners.apply({ accepting: false, services: [service('b', 3)] });
  t.deepEqual(listeners.listening('own'), []);
  t.deepEqual(relay.events, [
    'open a:1',
    'open b:2',
    'close b:2',
    'update a:1 for d1,d2',
    'open b:3',
    'close a:1',
    'update b:3 for d1',
    'close b:3',
  ]);
});

test('a service is listened for at the VIP too, which opens and closes without the other', async (t) => {
  const relay = new FakeRelay();
  const listeners = new WorkerListeners(relay, true);
  const own = service('a', 1);
  await listeners.apply({ accepting: true, services: [own, service('a', 2, null, 'vip')] });
  t.deepEqual([listeners.listening('own'), listeners.listening('vip')], [['a'], ['a']]);
  await listeners.apply({ accepting: true, services: [own] });
  t.deepEqual([listeners.listening('own'), listeners.listening('vip')], [['a'], []]);
  t.deepEqual(relay.events, ['open a:1', 'open a:2', 'close a:2', 'update a:1 for d1']);
});

test('a listener that fails is told with code, cause and cure, and tried again', async (t) => {
  const relay = new FakeRelay();
  const listeners = new WorkerListeners(relay, true);
  const cause = new Error('address in use');
  relay.failure = new HeadgateError('HEADGATE_RELAY_PORT_TAKEN', 'service a: cannot listen', {
    cause,
    cure: 'end it',
  });
  const config = { accepting: true, services: [service('a', 1)] };
  const [known] = await listeners.apply(config);
  t.like(listenError(known!), { code: 'HEADGATE_RELAY_PORT_TAKEN' });
  t.is(describeError(listenError(known!)), 'service a: cannot listen: address in use; end it');
  relay.failure = new TypeError('no such thing');
  const [unknown] = await listeners.apply(config);
  t.like(listenError(unknown!), { code: 'HEADGATE_BALANCER_LISTEN', message: 'service a: no such thing' });
  relay.failure = undefined;
  t.deepEqual(await listeners.apply(config), []);
  t.deepEqual(relay.events, ['open a:1']);
});
