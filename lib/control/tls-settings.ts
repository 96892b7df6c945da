/** TLS as both ends use it: one version, one cipher, key exchange always with ECDHE, never a certificate. */
import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';

/**
 * TLS 1.3 only uses a pre-shared key together with (EC)DHE unless OpenSSL is told otherwise
 * (SSL_OP_ALLOW_NO_DHE_KEX), so recorded sessions stay secret even when the cluster secret leaks later.
 * AES-256 with SHA-384 does not work: Node ties an external PSK to SHA-256.
 * The empty `ca` matters twice: no certificate of any authority is good enough for us, and the context does not
 * load the root store, which makes it cheap.
 */
export const tlsSettings: SecureContextOptions = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
  ecdhCurve: 'X25519:P-256',
  ca: [],
  secureOptions: constants.SSL_OP_NO_TICKET,
};
