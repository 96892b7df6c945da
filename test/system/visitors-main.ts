/**
 * Short visits to a VIP, one after the other, as long as they are wanted: `node visitors-main.js HOST PORT`. Each line
 * read answers what came of the visits since the line before: `{ "served": 12, "refused": 0 }`; `on` and `off` begin and
 * end them, and `off` answers when the last one has ended.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const [host, port] = [process.argv[2]!, Number(process.argv[3])];
/** Between two visits. */
const everyMs = 50;
/** A SYN that is lost comes again after a second. */
const patienceMs = 10_000;
let counts = { served: 0, refused: 0 };
let isOn = false;
let last: Promise<void> = Promise.resolve();

/** Whether somebody took the connection. */
function visit(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const over = (isServed: boolean): void => {
      socket.destroy();
      resolve(isServed);
    };
    socket.setTimeout(patienceMs, () => over(false));
    socket.on('error', () => over(false));
    socket.on('connect', () => over(true));
  });
}

async function visits(): Promise<void> {
  while (isOn) {
    counts[(await visit()) ? 'served' : 'refused']++;
    await pause(everyMs);
  }
}

createInterface({ input: process.stdin }).on('line', (order) => {
  if (order === 'on' && !isOn) {
    isOn = true;
    last = visits();
  }
  if (order === 'off') isOn = false;
  void (order === 'off' ? last : Promise.resolve()).then(() => {
    console.log(JSON.stringify(counts));
    counts = { served: 0, refused: 0 };
  });
});
