import type { ControlPeer, ControlServer } from '../lib/control/index.ts';

/** A control server whose peers confirm a message only when `told` has resolved. */
export function deliveringLate(control: ControlServer, told: Promise<void>): ControlServer {
  const late = (peer: ControlPeer): ControlPeer => ({
    identity: peer.identity,
    remote: peer.remote,
    id: peer.id,
    local: peer.local,
    notify: (method, body, flushed) => peer.notify(method, body, () => void told.then(flushed)),
    onClose: (run) => peer.onClose(run),
  });
  return {
    handle: (method, handler) => control.handle(method, (body, peer) => handler(body, late(peer))),
    listen: (endpoint) => control.listen(endpoint),
    listenLocal: (path) => control.listenLocal(path),
    stats: () => control.stats(),
    close: () => control.close(),
  };
}
