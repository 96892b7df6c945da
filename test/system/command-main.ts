/** Runs headgate commands on the host it was started on, one after the other: a RemoteCommands is at the other end. */
import { createInterface } from 'node:readline';
import { runHere } from '../run-command.ts';

const env = { ...process.env } as Readonly<Record<string, string>>;
for await (const line of createInterface({ input: process.stdin })) {
  const { id, args } = JSON.parse(line) as { readonly id: number; readonly args: readonly string[] };
  console.log(JSON.stringify({ id, ...(await runHere(args, { env })) }));
}
