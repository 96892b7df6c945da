import { spawnSync } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import { buildPacket, formatIp, IpProtocol, parseIp } from '../../../lib/packet/index.ts';
import { dropAll, FilterCode, IPPROTO_RAW, takeAll } from '../../../lib/linux/index.ts';
import {
  openRawSocket,
  whyNoRawSockets,
  type RawSocket,
  type RawSocketOptions,
} from '../../../lib/raw-socket/index.ts';
import { until } from '../../until.ts';
import { testUnless } from '../../test-unless.ts';
import { ip, ownNamespaces } from '../linux/bpf/own-namespaces.ts';

const namespaces = process.platform === 'linux' && process.getuid?.() === 0 ? ownNamespaces() : undefined;
const missing =
  whyNoRawSockets() ??
  (namespaces?.available === true ? undefined : (namespaces?.reason ?? 'network namespaces need root'));
const rawTest = testUnless(missing);
if (missing === undefined) ip('link set lo up');

function open(t: ExecutionContext, options: RawSocketOptions): RawSocket {
  const socket = openRawSocket(options);
  t.teardown(() => socket.close());
  return socket;
}

const segment = (source: string, destination: string, payload: string, destinationPort = 9000) =>
  buildPacket({
    ip: { source, destination },
    tcp: { sourcePort: 1234, destinationPort },
    payload: Buffer.from(payload),
  });

rawTest('an IPv4 packet arrives whole, from a source address that belongs to nobody', async (t) => {
  const arrived: { readonly packet: Buffer; readonly source: string }[] = [];
  open(t, {
    family: 4,
    protocol: IpProtocol.Tcp,
    headerIncluded: true,
    onPacket: (packet, source) => arrived.push({ packet: Buffer.from(packet), source }),
  });
  const sender = open(t, { family: 4, protocol: IPPROTO_RAW, headerIncluded: true });
  t.is(sender.send(segment('198.51.100.7', '127.0.0.1', 'hello'), '127.0.0.1'), 'sent');
  const found = await until(() => arrived.find(({ source }) => source === '198.51.100.7'), 'the packet');
  const { ip: header, transport, malformed } = parseIp(found.packet);
  t.is(malformed, undefined);
  t.is(formatIp(header!.source), '198.51.100.7');
  t.is(transport?.kind, 'tcp');
  t.is(found.packet.subarray(-5).toString(), 'hello');
  t.is(sender.stats().sent, 1);
});

rawTest('an IPv6 packet is sent with its own header and received without', async (t) => {
  const arrived: string[] = [];
  const receiver = open(t, {
    family: 6,
    protocol: IpProtocol.Tcp,
    headerIncluded: true,
    onPacket: (packet, source) =>
      arrived.push(`${source} ${packet.length} ${Buffer.from(packet.subarray(-5)).toString()}`),
  });
  const sender = open(t, { family: 6, protocol: IPPROTO_RAW, headerIncluded: true });
  t.is(sender.send(segment('2001:db8::7', '::1', 'hello'), '::1'), 'sent');
  await until(() => arrived.includes('2001:db8::7 25 hello'), 'the packet');
  t.true(receiver.stats().received >= 1);
});

rawTest('a filter decides what is received, and can be replaced', async (t) => {
  const ports: number[] = [];
  const receiver = open(t, {
    family: 4,
    protocol: IpProtocol.Tcp,
    headerIncluded: true,
    filter: [
      { code: FilterCode.LoadHalf, operand: 22 },
      { code: FilterCode.JumpEqual, operand: 9001, whenFalse: 1 },
      takeAll,
      ...dropAll,
    ],
    onPacket: (packet) => ports.push(Buffer.from(packet).readUInt16BE(22)),
  });
  const sender = open(t, { family: 4, protocol: IPPROTO_RAW, headerIncluded: true });
  const send = (port: number) => sender.send(segment('198.51.100.7', '127.0.0.1', '', port), '127.0.0.1');
  for (const port of [9000, 9001, 9002, 9001]) send(port);
  await until(() => ports.length === 2, 'both');
  t.deepEqual(ports, [9001, 9001]);
  receiver.setFilter([takeAll]);
  send(9002);
  await until(() => ports.includes(9002), 'the one that was filtered before');
});

rawTest('a paused socket leaves packets in the kernel', async (t) => {
  const arrived: number[] = [];
  const receiver = open(t, {
    family: 4,
    protocol: 253,
    headerIncluded: true,
    onPacket: (packet) => arrived.push(packet.length),
  });
  const sender = open(t, { family: 4, protocol: IPPROTO_RAW, headerIncluded: true });
  const send = () =>
    sender.send(
      buildPacket({ ip: { source: '127.0.0.1', destination: '127.0.0.1', protocol: 253 } }),
      '127.0.0.1',
    );
  receiver.pause();
  send();
  await new Promise((resolve) => void setImmediate(resolve));
  t.deepEqual(arrived, []);
  receiver.resume();
  await until(() => arrived.length === 1, 'the packet');
});

rawTest('what the kernel refuses is counted by code, and what a handler throws is told', async (t) => {
  const errors: string[] = [];
  open(t, {
    family: 4,
    protocol: 253,
    headerIncluded: true,
    onPacket: () => {
      throw new Error('clumsy');
    },
    onError: (error) => errors.push((error.cause as Error).message),
  });
  const sender = open(t, { family: 4, protocol: IPPROTO_RAW, headerIncluded: true });
  t.is(sender.send(segment('192.0.2.1', '192.0.2.2', ''), '192.0.2.2'), 'failed');
  t.deepEqual(sender.stats().sendFailed, { ENETUNREACH: 1 });
  sender.send(
    buildPacket({ ip: { source: '127.0.0.1', destination: '127.0.0.1', protocol: 253 } }),
    '127.0.0.1',
  );
  await until(() => errors.length === 1, 'the error');
  t.deepEqual(errors, ['clumsy']);
});

rawTest('packets wait for room in the kernel up to a limit, and what does not fit is counted', async (t) => {
  ip('link add hg-raw-a type veth peer name hg-raw-b');
  t.teardown(() => ip('link delete hg-raw-a'));
  ip('address add 192.0.2.1/24 dev hg-raw-a');
  ip('link set hg-raw-a up');
  ip('link set hg-raw-b up');
  const sender = open(t, {
    family: 4,
    protocol: IPPROTO_RAW,
    headerIncluded: true,
    sendBufferBytes: 1,
    queueBytes: 10_000,
  });
  // Nobody answers for this address yet: the kernel holds the packets.
  const packet = () => segment('192.0.2.1', '192.0.2.9', 'x'.repeat(1_000));
  const answers = Array.from({ length: 50 }, () => sender.send(packet(), '192.0.2.9'));
  t.deepEqual([...new Set(answers)], ['sent', 'queued', 'full']);
  const { sent, queued, sendDropped } = sender.stats();
  t.is(sent + queued + sendDropped, 50);
  t.true(queued * packet().length <= 10_000);
  ip('neighbor replace 192.0.2.9 lladdr 02:00:00:00:00:09 dev hg-raw-a');
  await until(() => sender.stats().queued === 0, 'the queue to be sent');
  t.deepEqual([sender.stats().sent, sender.stats().sendDropped], [sent + queued, sendDropped]);
  t.is(sender.send(packet(), '192.0.2.9'), 'sent');
});

rawTest('a closed socket sends nothing and opens nothing anew', (t) => {
  const sender = openRawSocket({ family: 4, protocol: IPPROTO_RAW, headerIncluded: true });
  sender.close();
  sender.close();
  sender.pause();
  sender.resume();
  t.is(sender.send(segment('127.0.0.1', '127.0.0.1', ''), '127.0.0.1'), 'closed');
});

const room = new URL('../../../lib/raw-socket/index.js', import.meta.url).href;

/** What whyNoRawSockets() says in another process, after `before` has run there. */
function askElsewhere(before: string): string {
  const code = `
    import Module, { createRequire } from 'node:module';
    import { whyNoRawSockets } from ${JSON.stringify(room)};
    ${before}
    console.log(whyNoRawSockets());`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }).stdout;
}

rawTest('without CAP_NET_RAW the error names the cure', (t) => {
  // Loaded first: what it loads from may be closed to others than root.
  const load = `createRequire(${JSON.stringify(room)})('raw-socket');`;
  const answer = askElsewhere(`${load} process.setgid(65534); process.setuid(65534);`);
  t.regex(answer, /not permitted \(EPERM\); run as root or with CAP_NET_RAW/);
});

rawTest('without the package the error names the cure', (t) => {
  const answer = askElsewhere("Module._load = () => { throw new Error('absent\\nand more'); };");
  t.regex(
    answer,
    /raw-socket cannot be loaded: absent.*run npm rebuild raw-socket, or use forwarding: proxy/,
  );
});

rawTest('a second thread is refused before the package is touched', async (t) => {
  const code = `
    import { parentPort } from 'node:worker_threads';
    import { whyNoRawSockets } from ${JSON.stringify(room)};
    parentPort.postMessage(whyNoRawSockets());`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
  const [answer] = (await once(worker, 'message')) as [string];
  t.regex(answer, /only the main thread/);
  await worker.terminate();
});
