import { part } from './entry.ts';

/** Codes HEADGATE_CHAT_*. */
export const chatErrors = part({
  HEADGATE_CHAT_ADDRESS: {
    meaning: 'The address given to `headgate chat` is not one of a chat service.',
    cure: 'give the address that clients connect to as HOST:PORT, such as 127.0.0.1:9000 or [::1]:9000',
  },
  HEADGATE_CHAT_BACKLOG_FULL: {
    meaning: 'The chat client holds too many messages that no chat server has acknowledged yet.',
    cure: 'wait for acknowledgements before sending more',
  },
  HEADGATE_CHAT_CLOSED: {
    meaning: 'The chat client was closed before a chat server acknowledged the message.',
    cure: 'send the message again with a new connection; it may have been delivered',
  },
  HEADGATE_CHAT_CONNECT: {
    meaning: 'The chat client cannot reach a chat server.',
    cure: 'check the address and that the cluster runs (headgate status)',
  },
  HEADGATE_CHAT_LISTEN: {
    meaning: 'A chat server cannot listen on its address.',
    cure: 'see what uses the port with `ss -ltnp`, stop it, or give the chat server another address',
  },
  HEADGATE_CHAT_NAME: {
    meaning: 'A name for chatting is not allowed.',
    cure: 'use 1 to 32 visible characters without spaces',
  },
  HEADGATE_CHAT_NAME_TAKEN: {
    meaning: 'Somebody else in the cluster chats under this name.',
    cure: 'choose another name',
  },
  HEADGATE_CHAT_NOT_IN_TOPOLOGY: {
    meaning: 'A chat server was started under a name that the topology does not have.',
    cure: 'add the chat server to the topology, or give the name of one that is in it with --node',
  },
  HEADGATE_CHAT_PEER_PROTOCOL: {
    meaning: 'A chat server sent another one something that this version does not understand.',
    cure: 'run the same version of headgate on every host',
  },
  HEADGATE_CHAT_PEER_UNKNOWN: {
    meaning:
      'A node that is no chat server of this topology wants to exchange messages and does not say where it is reached, or too many such are here.',
    cure: 'copy the same topology file to every host',
  },
  HEADGATE_CHAT_REFUSED: {
    meaning: 'A chat server refused a message or ended the connection for good.',
    cure: '',
  },
});
