import type { Clock, Timer } from '../lib/clock/index.ts';
import type { Claim } from './claim.ts';
import type { DirectoryChange } from './directory.ts';
import { crowdIntervalMs, mostAnnouncedAtOnce, mostPeopleAnnounced } from './limits.ts';
import { encodeLine } from './line-codec.ts';
import type { ServerMessage } from './protocol.ts';
import type { Listener, Room } from './room.ts';

/**
 * Pushes joins and leaves to the room. When too many people are there, or too many come at once, their number is
 * pushed instead, now and then: announcing everybody to everybody grows with the square of the people.
 */
export class Presence {
  readonly #room: Room;
  readonly #people: () => number;
  readonly #clock: Clock;
  #crowd: Timer | undefined;

  /** `people` tells how many are logged in in the cluster. */
  constructor(room: Room, people: () => number, clock: Clock) {
    this.#room = room;
    this.#people = people;
    this.#clock = clock;
  }

  /** What happened at once. `hidden` claims are not announced: they never were. */
  changed(changes: readonly DirectoryChange[], hidden?: (claim: Claim) => boolean, except?: Listener): void {
    const lines: ServerMessage[] = [];
    for (const { left, joined } of changes) {
      const goes = left !== undefined && hidden?.(left) !== true;
      const comes = joined !== undefined && hidden?.(joined) !== true;
      if (goes && comes && left.server === joined.server) continue;
      if (goes) lines.push({ type: 'left', name: left.name, server: left.server });
      if (comes) lines.push({ type: 'joined', name: joined.name, server: joined.server });
    }
    if (lines.length === 0) return;
    if (this.#people() > mostPeopleAnnounced || lines.length > mostAnnouncedAtOnce) this.#tellCrowd();
    else for (const line of lines) this.#room.broadcast(encodeLine(line), except, true);
  }

  close(): void {
    this.#crowd?.cancel();
  }

  #tellCrowd(): void {
    this.#crowd ??= this.#clock.after(
      crowdIntervalMs,
      () => {
        this.#crowd = undefined;
        this.#room.broadcast(encodeLine({ type: 'crowd', people: this.#people() }));
      },
      true,
    );
  }
}
