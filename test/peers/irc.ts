/** An IRC server (ngircd) and an IRC client (sic). */
import path from 'node:path';
import type { Endpoint } from '../../lib/address/index.ts';
import { startProgram, type Line, type Program, type Teardown } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { command, probeCommands } from './command.ts';

export const ircMissing = probeCommands('ngircd', 'sic');

/** Resolves once it listens. Its lines tell who registered and who left. */
export async function startNgircd(t: Teardown, { host, port }: Endpoint): Promise<Program> {
  const folder = await temporaryFolder(t, {
    'ngircd.conf': [
      '[Global]',
      'Name = irc.test',
      'Info = an IRC server under test',
      'AdminInfo1 = nobody',
      `Listen = ${host}`,
      `Ports = ${port}`,
      '[Limits]',
      // Behind a balancer all users come from one address, and they talk fast.
      'MaxConnectionsIP = 0',
      'MaxPenaltyTime = 0',
      '[Options]',
      'DNS = no',
      'Ident = no',
      'PAM = no',
      '',
    ].join('\n'),
  });
  const config = path.join(folder, 'ngircd.conf');
  const server = await startProgram(t, [command('ngircd'), '--nodaemon', '--config', config]);
  await server.line(/Server "irc\.test" .* ready/);
  return server;
}

/** A person at an IRC client. */
export interface IrcUser {
  readonly program: Program;
  join(channel: string): Promise<void>;
  /** Says `text` where the user last joined. */
  say(text: string): void;
  /** Waits until the user sees `text` said by `nick`. */
  sees(nick: string, text: string): Promise<Line>;
}

/** Resolves once the server has greeted the user; rejects when the client ends before. */
export async function startSic(t: Teardown, { host, port }: Endpoint, nick: string): Promise<IrcUser> {
  const program = await startProgram(t, [command('sic'), '-h', host, '-p', String(port), '-n', nick]);
  await program.line(/ 376 /);
  return {
    program,
    async join(channel) {
      program.write(`:j ${channel}`);
      await program.line(new RegExp(` 366 .*${channel}`));
    },
    say: (text) => program.write(text),
    sees: (from, text) => program.line(new RegExp(`<${from}> ${text}$`)),
  };
}
