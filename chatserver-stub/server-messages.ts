import { faultCodes, isFault, type FaultCode, type Person, type ServerMessage } from './protocol.ts';
import { isCount, isFields, isMessageId, parseLine, type Fields } from './validate.ts';

/**
 * Reads what a server sent, for clients; undefined when it is not a message of the protocol. Never throws.
 */
export function parseServerMessage(line: Buffer): ServerMessage | undefined {
  const fields = parseLine(line);
  if (isFault(fields)) return undefined;
  const { type, name, from, server, text, people, code, message, id, seq } = fields;
  switch (type) {
    case 'message':
    case 'told':
      return isString(from) && isString(server) && isString(text) ? { type, from, server, text } : undefined;
    case 'joined':
    case 'left':
      return isString(name) && isString(server) ? { type, name, server } : undefined;
    case 'delivered':
      return isMessageId(id) ? { type, id } : undefined;
    case 'welcome':
      return isString(name) && isString(server) && isCount(people)
        ? { type, name, server, people }
        : undefined;
    case 'crowd':
      return isCount(people) ? { type, people } : undefined;
    case 'push':
      return isCount(seq) ? { type, seq } : undefined;
    case 'pong':
      return { type };
    case 'who':
      return parseWho(fields);
    case 'error':
      if (!isFaultCode(code) || !isString(message)) return undefined;
      return isMessageId(id) ? { type, code, message, id } : { type, code, message };
    case 'bye':
      return isFaultCode(code) && isString(message) ? { type, code, message } : undefined;
    default:
      return undefined;
  }
}

function parseWho({ people, total, more }: Fields): ServerMessage | undefined {
  if (!Array.isArray(people) || !isCount(total) || typeof more !== 'boolean') return undefined;
  const listed = people as readonly unknown[];
  return listed.every(isPerson) ? { type: 'who', people: listed, total, more } : undefined;
}

function isPerson(value: unknown): value is Person {
  return isFields(value) && isString(value['name']) && isString(value['server']);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isFaultCode(value: unknown): value is FaultCode {
  return faultCodes.includes(value as FaultCode);
}
