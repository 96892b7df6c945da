import { part } from './entry.ts';

/** Codes HEADGATE_ETCD_*. */
export const etcdErrors = part({
  HEADGATE_ETCD_ADDRESS: {
    meaning: 'The address of a topology in etcd is not of the form etcd://HOST:PORT,…/KEY.',
    cure: 'write etcd://host:2379,other:2379/headgate/chat, or etcds:// when etcd speaks TLS',
  },
  HEADGATE_ETCD_CREDENTIALS: {
    meaning:
      'What proves who we are to etcd (certificate, key, user, password) is not given whole, or cannot be read.',
    cure: 'check the variables HEADGATE_ETCD_* and the files they name',
  },
  HEADGATE_ETCD_UNREACHABLE: {
    meaning: 'No endpoint of etcd answers in time.',
    cure: 'check that etcd runs and has a leader, and that its client port can be reached from here',
  },
  HEADGATE_ETCD_TLS: {
    meaning: 'A certificate is not accepted between etcd and this process, or only one of them speaks TLS.',
    cure: 'use etcds:// and set HEADGATE_ETCD_CA, and HEADGATE_ETCD_CERT with HEADGATE_ETCD_KEY when etcd asks for a client certificate',
  },
  HEADGATE_ETCD_AUTH: {
    meaning: 'The user or the password is refused by etcd, or the user may not read or write the key.',
    cure: 'set HEADGATE_ETCD_USER and HEADGATE_ETCD_PASSWORD_FILE; grant the user readwrite on the key and on KEY.generation',
  },
  HEADGATE_ETCD_REFUSED: {
    meaning: 'A request was answered by etcd with an error.',
    cure: 'see the log of etcd',
  },
  HEADGATE_ETCD_PROTOCOL: {
    meaning: 'What answers does not speak the JSON gateway of etcd v3 as it should.',
    cure: 'check that the endpoints are client endpoints of etcd 3.4 or later',
  },
  HEADGATE_ETCD_NO_KEY: {
    meaning: 'Nothing is stored in etcd under the key.',
    cure: 'write the first topology: headgate topology apply FILE --cluster etcd://…',
  },
  HEADGATE_ETCD_CHANGED: {
    meaning: 'Somebody else changed the key since it was read, so nothing was written.',
    cure: 'look at headgate topology show, then plan and apply again',
  },
});
