// How a listener speaks TLS.
import { constants } from 'node:crypto'
import type { TlsOptions } from 'node:tls'
import type { TlsTexts } from './tls-material.ts'

/**
 * Mozilla's "intermediate" of 2025 without finite-field Diffie-Hellman: each has forward secrecy and is authenticated. AES of
 * 128 bits first, the cheapest where the processor has it.
 */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/**
 * For `tls.createServer`, and for `setSecureContext` of a server that was made with them. HTTP/1.1 alone: who offers only
 * other protocols is refused in the handshake (RFC 7301; ALPACA). With authorities, every client must show a certificate.
 * A bare `tls.Server` ends no failed or late handshake by itself: destroy the socket at its `tlsClientError`.
 */
export function serverTlsOptions(
  { cert, key, ca }: TlsTexts,
  handshakeTimeoutMs: number,
  /** Each client is asked for a certificate, and none needs one: tokens are bound to them (RFC 8705, 2.2 and 3). */
  asksForCertificates = false,
): TlsOptions {
  return {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca !== undefined
      ? { ca, requestCert: true, rejectUnauthorized: true }
      : asksForCertificates
        ? { requestCert: true, rejectUnauthorized: false }
        : {}),
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    // A client that asks for new keys again and again costs us more than itself (CVE-2011-1473).
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    handshakeTimeout: handshakeTimeoutMs,
  }
}
