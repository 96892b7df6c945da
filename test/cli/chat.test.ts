import { PassThrough } from 'node:stream';
import test from 'ava';
import { chat } from '../../cli/chat.ts';
import type { CommandIo } from '../../cli/command.ts';
import { formatEndpoint } from '../../lib/address/index.ts';
import { isHeadgateError } from '../../lib/errors/index.ts';
import { Cutter, linked, startCluster, Talker } from '../chatserver-stub/helpers.ts';
import { until } from '../until.ts';

/** A command's input and output in memory. */
function memoryIo(): {
  io: CommandIo;
  stdin: PassThrough;
  lines: string[];
  errors: string[];
  abort: AbortController;
} {
  const stdin = new PassThrough();
  const lines: string[] = [];
  const errors: string[] = [];
  const abort = new AbortController();
  const io: CommandIo = {
    out: (text) => void lines.push(text),
    err: (text) => void errors.push(text),
    stdin,
    stdout: new PassThrough(),
    env: {},
    signal: abort.signal,
  };
  return { io, stdin, lines, errors, abort };
}

const shows = async (lines: readonly string[], line: string): Promise<unknown> =>
  until(() => lines.includes(line), {
    describe: `the line ${line}; shown: ${lines.join(' | ')}`,
    everyMs: 5,
  });

test('in a pipe it says every line, shows who is there, and ends when all is delivered', async (t) => {
  const servers = await startCluster(t, ['127.60.5.1', '127.60.5.2']);
  await linked(servers);
  const bob = new Talker(t, servers[1]!.endpoint);
  await bob.login('bob');
  const { io, stdin, lines, errors } = memoryIo();
  const text = Array.from({ length: 250 }, (_, index) => `line ${index + 1}`);
  stdin.end(`${text.join('\n')}\n/tell bob good bye\n`);
  const code = await chat.run([formatEndpoint(servers[0]!.endpoint), '--name', 'ann'], io);
  t.is(code, 0);
  t.deepEqual(errors, []);
  t.is(lines[0], 'you are ann on c1');
  t.true(lines.includes('here: bob@c2, ann@c1'));
  await bob.hears({ type: 'told', text: 'good bye' });
  t.deepEqual(
    bob.all({ type: 'message' }).map((message) => 'text' in message && message.text),
    text,
  );
  await bob.hears({ type: 'left', name: 'ann' });
});

test('people see each other talk, come and go, and which chat server everybody is on', async (t) => {
  const servers = await startCluster(t, ['127.60.5.3', '127.60.5.4']);
  await linked(servers);
  const [ann, bob] = [memoryIo(), memoryIo()];
  const annRuns = chat.run([formatEndpoint(servers[0]!.endpoint), '--name', 'ann'], ann.io);
  await shows(ann.lines, 'here: ann@c1');
  const bobRuns = chat.run([formatEndpoint(servers[1]!.endpoint), '--name=bob'], bob.io);
  await shows(ann.lines, '* bob came, on c2');
  await shows(bob.lines, 'here: ann@c1, bob@c2');
  ann.stdin.write('hi\n');
  await shows(bob.lines, 'ann@c1: hi');
  bob.stdin.write('/tell ann psst\n/who\n');
  await shows(ann.lines, 'bob@c2 (to you): psst');
  bob.stdin.write('/tell zoe psst\n');
  await shows(bob.errors, 'nobody called zoe is logged in');
  bob.stdin.write('/nick rob\n');
  await shows(bob.errors, 'no command /nick; there are /who, /tell NAME TEXT and /quit');
  bob.stdin.write('/quit\n');
  t.is(await bobRuns, 1, 'in a pipe, what was refused is a failure');
  await shows(ann.lines, '* bob left');
  ann.abort.abort();
  t.is(await annRuns, 0);
});

test('it says that the connection is lost and that it is back, and on which chat server', async (t) => {
  const servers = await startCluster(t, ['127.60.5.5', '127.60.5.6']);
  await linked(servers);
  const cutter = new Cutter(t);
  cutter.target = servers[0]!.endpoint;
  const port = await cutter.listen('127.60.5.7');
  const bob = new Talker(t, servers[1]!.endpoint);
  await bob.login('bob');
  const ann = memoryIo();
  const runs = chat.run([`127.60.5.7:${port}`, '--name', 'ann'], ann.io);
  await shows(ann.lines, 'you are ann on c1');
  cutter.target = servers[1]!.endpoint;
  cutter.cut();
  await shows(ann.lines, 'connection lost, reconnecting…');
  ann.stdin.write('said while away\n');
  await shows(ann.lines, 'reconnected to c2');
  await bob.hears({ type: 'message', from: 'ann', server: 'c2', text: 'said while away' });
  ann.stdin.end();
  t.is(await runs, 0);
});

test('a name that is taken is a clear error', async (t) => {
  const [c1] = await startCluster(t, ['127.60.5.8']);
  const ann = new Talker(t, c1!.endpoint);
  await ann.login('ann');
  const { io } = memoryIo();
  const error = await t.throwsAsync(chat.run([formatEndpoint(c1!.endpoint), '--name', 'ann'], io));
  t.true(isHeadgateError(error, 'HEADGATE_CHAT_NAME_TAKEN'));
  t.is(error?.message, 'somebody on c1 is called ann already');
});

test('nothing at the address is an error with a cure, not a wait', async (t) => {
  const { io } = memoryIo();
  const error = await t.throwsAsync(chat.run(['127.60.5.9:1', '--name', 'ann'], io));
  t.true(isHeadgateError(error, 'HEADGATE_CHAT_CONNECT'));
});

test('messages that nobody acknowledged are told when it is interrupted', async (t) => {
  const [c1] = await startCluster(t, ['127.60.5.10']);
  const cutter = new Cutter(t);
  cutter.target = c1!.endpoint;
  const port = await cutter.listen('127.60.5.11');
  const { io, stdin, lines, errors, abort } = memoryIo();
  const runs = chat.run([`127.60.5.11:${port}`, '--name', 'ann'], io);
  await shows(lines, 'here: ann@c1');
  cutter.refusing = true;
  cutter.cut();
  await shows(lines, 'connection lost, reconnecting…');
  stdin.end('one\ntwo\n');
  await until(() => stdin.readableEnded, { describe: 'the input to be read' });
  abort.abort();
  t.is(await runs, 1);
  t.deepEqual(errors, ['2 messages were not acknowledged; they may not have been delivered']);
});

const mistaken = test.macro({
  async exec(t, args: readonly string[], code: string, message: RegExp) {
    const error = await t.throwsAsync(chat.run(args, memoryIo().io));
    t.is(error !== undefined && 'code' in error ? error.code : undefined, code);
    t.regex(error?.message ?? '', message);
  },
  title: (_title, args: readonly string[], _code: string, _message: RegExp) =>
    `wrong: headgate chat ${args.join(' ')}`,
});
test(mistaken, [], 'HEADGATE_CLI_USAGE', /HOST:PORT missing/);
test(mistaken, ['127.0.0.1:9000'], 'HEADGATE_CLI_USAGE', /--name missing/);
test(mistaken, ['127.0.0.1:9000', 'x', '--name', 'ann'], 'HEADGATE_CLI_USAGE', /too many/);
test(mistaken, ['127.0.0.1:9000', '--nmae', 'ann'], 'HEADGATE_CLI_USAGE', /unknown option '--nmae'/);
test(mistaken, ['127.0.0.1', '--name', 'ann'], 'HEADGATE_CHAT_ADDRESS', /not an address with a port/);
test(mistaken, ['127.0.0.256:80', '--name', 'ann'], 'HEADGATE_CHAT_ADDRESS', /not an address/);
test(mistaken, ['localhost:0', '--name', 'ann'], 'HEADGATE_CHAT_ADDRESS', /not an address/);
test(mistaken, ['localhost:9000', '--name', 'a b'], 'HEADGATE_CHAT_NAME', /not a name/);
