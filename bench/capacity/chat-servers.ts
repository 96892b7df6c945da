import { fileURLToPath } from 'node:url';
import type { Program } from '../../test/processes.ts';
import type { ChatRoomCounts } from '../traffic/chat-room.ts';
import type { ChatRequests } from './chat-process.ts';
import { Remote } from './remote.ts';
import type { TierProcesses } from './tiers.ts';

export const chatScript = fileURLToPath(new URL('chat-process.js', import.meta.url));

/** The chat servers of a run. */
export class ChatServers {
  readonly first: string;
  readonly #servers: Map<string, Remote<ChatRequests>>;

  constructor(programs: readonly (readonly [string, Program])[]) {
    this.first = programs[0]![0];
    this.#servers = new Map(programs.map(([name, program]) => [name, new Remote<ChatRequests>(program)]));
  }

  get size(): number {
    return this.#servers.size;
  }

  /** Those that live. */
  get tier(): TierProcesses {
    return { tier: 'chat servers', pids: () => this.#all().map(({ program }) => program.pid) };
  }

  server(name: string): Remote<ChatRequests> {
    return this.#servers.get(name)!;
  }

  /** Says push `seq` to everybody; returns to how many. */
  async push(seq: number, sentUs: number): Promise<number> {
    const told = await Promise.all(this.#all().map((server) => server.ask('push', seq, sentUs)));
    return told.reduce((sum, count) => sum + count, 0);
  }

  counts(): Promise<ChatRoomCounts[]> {
    return Promise.all(this.#all().map((server) => server.ask('counts')));
  }

  kill(name: string): void {
    this.server(name).program.signal('SIGKILL');
    this.#servers.delete(name);
  }

  #all(): readonly Remote<ChatRequests>[] {
    return [...this.#servers.values()];
  }
}
