/**
 * The server behind the measured relays: `node server-process.js HOST PORT CONNECTIONS MESSAGE_BYTES`. Says `ready` to its parent.
 * On `{push: BYTES}` it sends to everybody and answers how many; on `heard` it answers how many bytes came in all.
 */
import { RingLoop } from '../../lib/linux/uring/index.ts';
import { Responder } from '../traffic/responder.ts';

const [host = '', port, connections, messageBytes] = process.argv.slice(2);
const responder = new Responder({ host, port: Number(port) }, Number(connections), Number(messageBytes));
const { ring, handle, afterBatch } = responder;
const loop = new RingLoop({ ring, handle, afterBatch });
loop.flush();
process.on('message', (message: 'heard' | { readonly push: number }) => {
  if (message === 'heard') {
    process.send?.(responder.bytes);
    return;
  }
  process.send?.(responder.push(message.push));
  loop.flush();
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
