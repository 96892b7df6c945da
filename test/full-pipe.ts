import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Teardown } from './processes.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface FullPipe {
  /** Its path in the file system. */
  readonly path: string;
  /** A descriptor to write to; writing waits until somebody reads. */
  readonly writer: number;
  /** Takes what is in it now, as text. */
  read(): string;
}

/** A pipe that is full: what writes to it waits until somebody reads. */
export async function fullPipe(t: Teardown): Promise<FullPipe> {
  const name = path.join(await temporaryFolder(t), 'pipe');
  const { status } = spawnSync('mkfifo', [name]);
  if (status !== 0) throw new Error(`mkfifo ${name} failed`);
  const reader = openSync(name, constants.O_RDWR | constants.O_NONBLOCK);
  t.teardown(() => closeSync(reader));
  const chunk = Buffer.alloc(4_096);
  untilRefused(() => writeSync(reader, chunk));
  const writer = openSync(name, 'w');
  t.teardown(() => closeSync(writer));
  return {
    path: name,
    writer,
    read() {
      const parts: Buffer[] = [];
      untilRefused(() => {
        const length = readSync(reader, chunk);
        parts.push(Buffer.from(chunk.subarray(0, length)));
      });
      return Buffer.concat(parts).toString().replaceAll('\0', '');
    },
  };
}

function untilRefused(act: () => void): void {
  try {
    for (;;) act();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}
