import { ClientRing } from './client-ring.ts';

const stepMs = 100;

/** Connects, sends a message, waits for as many bytes, closes; `lanes` at one time, `total` in all. */
export function shortLived(
  host: string,
  port: number,
  total: number,
  lanes: number,
  messageBytes: number,
): void {
  const received = new Uint32Array(lanes);
  let begun = 0;
  let done = 0;
  const next = (slot: number): void => {
    if (begun === total) return;
    begun++;
    received[slot] = 0;
    ring.connect(slot);
  };
  const ring = new ClientRing({
    to: { host, port },
    connections: lanes,
    payloadBytes: messageBytes,
    heardBytes: messageBytes,
    connected: (slot) => ring.send(slot, messageBytes),
    received: (slot, bytes) => {
      received[slot]! += bytes;
      if (received[slot]! < messageBytes) return;
      ring.disconnect(slot);
    },
    disconnected: (slot) => {
      done++;
      next(slot);
    },
  });
  for (let slot = 0; slot < lanes; slot++) next(slot);
  while (done < total) ring.turn(stepMs);
  ring.close();
}
