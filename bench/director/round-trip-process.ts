/**
 * One end of the round trips: `node round-trip-process.js server PORT CONNECTIONS BYTES` says `listens`;
 * `node round-trip-process.js client HOST PORT CONNECTIONS BYTES` says `connected`, and for each line with a number of milliseconds
 * plays so long and says `trips N`.
 */
import { createInterface } from 'node:readline';
import { RingLoop } from '../../lib/linux/uring/index.ts';
import { PingPong } from '../traffic/ping-pong.ts';
import { Responder } from '../traffic/responder.ts';

const [role, ...rest] = process.argv.slice(2);
if (role === 'server') {
  const [port, connections, bytes] = rest.map(Number);
  const responder = new Responder({ host: '0.0.0.0', port: port! }, connections!, bytes!);
  const { ring, handle, afterBatch } = responder;
  new RingLoop({ ring, handle, afterBatch }).flush();
  console.log('listens');
} else {
  const [host = '', port, connections, bytes] = rest;
  const game = new PingPong(host, Number(port), Number(connections), Number(bytes));
  console.log('connected');
  for await (const line of createInterface({ input: process.stdin })) {
    // What is under way from the last turn comes first and does not count.
    game.play(100);
    console.log(`trips ${game.play(Number(line))}`);
  }
}
