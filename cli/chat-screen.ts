import { createInterface, clearLine, cursorTo, type Interface } from 'node:readline';
import type { CommandIo } from './command.ts';

/** Where people type and read: a terminal with a prompt, or the lines of a pipe. */
export class ChatScreen {
  readonly isTerminal: boolean;
  readonly #io: CommandIo;
  readonly #lines: Interface;
  #isOver = false;

  /** `interrupted` is called for Ctrl-C, which a terminal in this mode turns into a key. */
  constructor(io: CommandIo, name: string, interrupted: () => void) {
    this.#io = io;
    this.isTerminal = io.stdout.isTTY === true && 'isTTY' in io.stdin && io.stdin.isTTY === true;
    this.#lines = createInterface({
      input: io.stdin,
      ...(this.isTerminal && { output: io.stdout, prompt: `${name}> ` }),
      terminal: this.isTerminal,
      historySize: 100,
    });
    this.#lines.on('SIGINT', interrupted);
  }

  /** What is typed, line by line; ends at the end of the input or with `close`. */
  typed(): AsyncIterable<string> {
    return this.#lines;
  }

  /** Shows a line above what is being typed. */
  show(text: string | undefined): void {
    if (text === undefined) return;
    const redraw = this.isTerminal && !this.#isOver;
    if (redraw) {
      cursorTo(this.#io.stdout, 0);
      clearLine(this.#io.stdout, 0);
    }
    this.#io.out(text);
    if (redraw) this.#lines.prompt(true);
  }

  prompt(): void {
    if (this.isTerminal && !this.#isOver) this.#lines.prompt();
  }

  close(): void {
    this.#isOver = true;
    this.#lines.close();
  }
}
