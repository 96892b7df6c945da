import { mostNameCharacters, mostTextBytes } from './limits.ts';
import { isFault, type ClientMessage, type Fault, type FaultCode } from './protocol.ts';
import { isMessageId, isSession, isText, parseLine, validName, type Fields } from './validate.ts';

/** Reads what a client sent; never throws. Unknown fields are ignored, so that newer clients can talk to us. */
export function parseClientMessage(line: Buffer): ClientMessage | Fault {
  const fields = parseLine(line);
  if (isFault(fields)) return fields;
  switch (fields['type']) {
    case 'say':
      return parseSay(fields);
    case 'tell':
      return parseTell(fields);
    case 'login':
      return parseLogin(fields);
    case 'who':
    case 'ping':
      return { type: fields['type'] };
    default:
      return fault('bad-message', 'unknown type; expected login, say, tell, who or ping');
  }
}

function parseLogin({ name: given, session }: Fields): ClientMessage | Fault {
  const name = validName(given);
  if (name === undefined) {
    return fault('bad-name', `a name is 1 to ${mostNameCharacters} visible characters without spaces`);
  }
  if (session === undefined) return { type: 'login', name };
  if (!isSession(session)) {
    return fault('bad-message', 'session must be 1 to 64 letters, digits, hyphens or underscores');
  }
  return { type: 'login', name, session };
}

function parseSay({ text, id }: Fields): ClientMessage | Fault {
  if (!isText(text)) return badText;
  if (id === undefined) return { type: 'say', text };
  return isMessageId(id) ? { type: 'say', text, id } : badId;
}

function parseTell({ to: given, text, id }: Fields): ClientMessage | Fault {
  const to = validName(given);
  if (to === undefined) return fault('bad-name', 'to must be the name of a person');
  if (!isText(text)) return badText;
  if (id === undefined) return { type: 'tell', to, text };
  return isMessageId(id) ? { type: 'tell', to, text, id } : badId;
}

function fault(code: FaultCode, message: string): Fault {
  return { fault: code, message };
}

/** What is wrong with a text that is none. */
export const badText: Fault = fault(
  'bad-text',
  `text must be one line without control characters, at most ${mostTextBytes} bytes as JSON`,
);
const badId = fault('bad-message', 'id must be a whole number from 1');
