/** The clear line before TLS, and the PSK identity, which has the same text. */

/** `headgate/1 key=<key id>`: what server and client say of their key. The id is public, see ControlKey. */
export function keyStatement(keyId: string): string {
  return `headgate/1 key=${keyId}`;
}

/** The line a server sends first. */
export function greetingLine(keyId: string): string {
  return `${keyStatement(keyId)}\n`;
}

/** The key id in a statement (without its line feed), or undefined when it is not one of this version. */
export function statedKeyId(statement: string): string | undefined {
  return /^headgate\/1 key=([0-9a-f]{8})$/.exec(statement)?.[1];
}
