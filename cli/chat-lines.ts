/** What `headgate chat` understands of what people type, and how it shows what happens. Pure. */
import type { PeopleHere, ServerMessage } from '../chatserver-stub/index.ts';

export type Typed =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'tell'; readonly to: string; readonly text: string }
  | { readonly kind: 'who' | 'quit' | 'nothing' }
  | { readonly kind: 'mistake'; readonly message: string };

/** One typed line. A text that begins with a slash is said by typing two. */
export function readTyped(line: string): Typed {
  const text = line.trim();
  if (text === '') return { kind: 'nothing' };
  if (text.startsWith('//')) return { kind: 'say', text: text.slice(1) };
  if (!text.startsWith('/')) return { kind: 'say', text };
  const [, command = '', rest = ''] = /^\/(\S*)\s*(.*)$/u.exec(text) ?? [];
  if (command === 'who' || command === 'quit') return { kind: command };
  if (command !== 'tell') {
    return { kind: 'mistake', message: `no command /${command}; there are /who, /tell NAME TEXT and /quit` };
  }
  const [, to, told] = /^(\S+)\s+(.+)$/u.exec(rest) ?? [];
  if (to === undefined || told === undefined) return { kind: 'mistake', message: 'say /tell NAME TEXT' };
  return { kind: 'tell', to, text: told };
}

/** How a message is shown; undefined for what people need not see. */
export function showMessage(message: ServerMessage): string | undefined {
  switch (message.type) {
    case 'message':
      return printable(`${message.from}@${message.server}: ${message.text}`);
    case 'told':
      return printable(`${message.from}@${message.server} (to you): ${message.text}`);
    case 'joined':
      return printable(`* ${message.name} came, on ${message.server}`);
    case 'left':
      return printable(`* ${message.name} left`);
    case 'crowd':
      return `* ${message.people} people are here`;
    case 'error':
      return printable(`refused: ${message.message}`);
    default:
      return undefined;
  }
}

export function showPeople({ people, total }: PeopleHere): string {
  const names = people.map(({ name, server }) => `${name}@${server}`).join(', ');
  return printable(
    total > people.length ? `here: ${names} and ${total - people.length} more` : `here: ${names}`,
  );
}

/** Nothing that a terminal would take for a command of its own, whatever the server sent. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\ufffd');
}
