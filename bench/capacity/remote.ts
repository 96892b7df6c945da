/** A program that takes requests as lines of JSON on its standard input and answers each with one on its output. */
import { createInterface } from 'node:readline';
import type { Program } from '../../test/processes.ts';

const answerMark = 'answer ';

/** The bench's end. */
export class Remote<Requests extends Record<string, (...args: never[]) => unknown>> {
  readonly program: Program;
  #asked = 0;

  constructor(program: Program) {
    this.program = program;
  }

  /** Rejects when the program ends or takes longer than `timeoutMs`. */
  async ask<Name extends keyof Requests & string>(
    name: Name,
    ...args: Parameters<Requests[Name]>
  ): Promise<Awaited<ReturnType<Requests[Name]>>> {
    const number = ++this.#asked;
    const from = this.program.nextLine;
    this.program.write(JSON.stringify({ number, name, args }));
    const { text } = await this.program.line(new RegExp(`^${answerMark}${number} `), { from, timeoutMs });
    return JSON.parse(text.slice(`${answerMark}${number} `.length)) as Awaited<ReturnType<Requests[Name]>>;
  }
}

const timeoutMs = 120_000;

/** The program's end: runs requests in turn. The program ends with its input, so it never outlives the bench. */
export function serve(handlers: Readonly<Record<string, (...args: never[]) => unknown>>): void {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const { number, name, args } = JSON.parse(line) as { number: number; name: string; args: never[] };
    const answer = handlers[name]!(...args) ?? null;
    process.stdout.write(`${answerMark}${number} ${JSON.stringify(answer)}\n`);
  });
  lines.on('close', () => process.exit());
}
