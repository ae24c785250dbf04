// How a connection to a target is made: TCP, a unix socket, or TLS whose certificate is always verified.
import net from 'node:net'
import tls from 'node:tls'
import type { UpstreamFailure } from '../../ports/upstream-client.ts'

/** Texts in PEM. `ca` replaces the public authorities; `cert` and `key` are what we show (mutual TLS). */
export interface UpstreamTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** The name that the certificate must stand for, in place of the target's host. */
  readonly serverName?: string
}

export interface Connector {
  /** For the Host field, where nothing else is asked for (RFC 9112, 3.2). */
  readonly host: string
  /**
   * Begins a connection. `done` is called once, in no case before `connect` has returned: without a failure when bytes may be
   * written, which with TLS is when the certificate has been verified; with one when there will be no connection, also where
   * the caller has destroyed the socket. Then the socket has no listener of ours any more. Without TLS what is read comes to
   * `onRead`, and no `data` event does.
   */
  connect(done: (failure?: UpstreamFailure) => void, onRead?: OnRead): net.Socket
}

/** What has come, in memory that the next read of any connection of this thread overwrites: what is kept of it is copied. */
export type OnRead = (borrowed: Buffer) => void

/** One for all connections of this thread: a read is over before the next one begins, and memory for each of them costs more than the read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536)

/** TCP keep-alive: a tunnel's peer that is gone without a word is found within a quarter of an hour (nine probes, 75 s apart). */
const PROBE_AFTER_MS = 15_000

/** `target`: an origin (scheme, host and port), or `unix:` and a path. Throws what OpenSSL says of texts that are no PEM. */
export function createConnector(target: string, connectTimeoutMs: number, secure: UpstreamTls = {}): Connector {
  const { host, open, openEvent } = openingOf(target, secure)
  return { host, connect: (done, onRead) => watch(open(onRead), openEvent, connectTimeoutMs, done) }
}

interface Opening {
  readonly host: string
  readonly openEvent: 'connect' | 'secureConnect'
  readonly open: (onRead: OnRead | undefined) => net.Socket
}

function openingOf(target: string, secure: UpstreamTls): Opening {
  if (target.startsWith('unix:')) {
    const path = target.slice('unix:'.length)
    return { host: 'localhost', openEvent: 'connect', open: (onRead) => net.connect({ path, ...reading(onRead) }) }
  }
  const url = new URL(target)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const isSecure = url.protocol === 'https:'
  const port = Number(url.port === '' ? (isSecure ? 443 : 80) : url.port)
  const address = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: PROBE_AFTER_MS }
  if (!isSecure) {
    return { host: url.host, openEvent: 'connect', open: (onRead) => net.connect({ ...address, ...reading(onRead) }) }
  }
  const options = { ...address, ...secureOptions(secure.serverName ?? host, secure) }
  return { host: url.host, openEvent: 'secureConnect', open: () => tls.connect(options) }
}

function reading(onRead: OnRead | undefined): { readonly onread?: net.OnReadOpts } {
  if (onRead === undefined) return {}
  const callback = (bytes: number): boolean => {
    onRead(READ_BUFFER.subarray(0, bytes))
    return true
  }
  return { onread: { buffer: READ_BUFFER, callback } }
}

function secureOptions(name: string, { ca, cert, key }: UpstreamTls): tls.ConnectionOptions {
  return {
    // One context for all connections: reading the authorities takes milliseconds.
    secureContext: tls.createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    }),
    // Said outright: NODE_TLS_REJECT_UNAUTHORIZED must not take it away (reply-from, CVE-2026-107318).
    rejectUnauthorized: true,
    // An address is no name (RFC 6066, 3), but a certificate may stand for one.
    ...(net.isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_host, peer) => tls.checkServerIdentity(name, peer),
    ALPNProtocols: ['http/1.1'],
  }
}

/** The time covers name, connection and handshake together. */
function watch(
  socket: net.Socket,
  openEvent: Opening['openEvent'],
  connectTimeoutMs: number,
  done: (failure?: UpstreamFailure) => void,
): net.Socket {
  const settle = (failure?: UpstreamFailure): void => {
    clearTimeout(timer)
    socket.removeListener(openEvent, onOpen)
    socket.removeListener('error', onError)
    socket.removeListener('close', onClose)
    if (failure !== undefined) {
      // What it may still say is heard by nobody, and must not end the process.
      socket.on('error', () => undefined)
      socket.destroy()
    }
    done(failure)
  }
  const onOpen = (): void => {
    settle()
  }
  const onError = (error: Error): void => {
    settle(connectFailure(error))
  }
  const onClose = (): void => {
    settle({ failure: 'reset', detail: 'the connection was closed before it was open' })
  }
  const timer = setTimeout(() => {
    settle({ failure: 'timeout', detail: `no connection within ${connectTimeoutMs} ms` })
  }, connectTimeoutMs)
  socket.once(openEvent, onOpen).once('error', onError).once('close', onClose)
  return socket
}

/** Nobody is there, or nobody who could prove to be who was asked for: another target may be better. */
const REFUSED: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'no name server answers',
  EHOSTUNREACH: 'no way leads there',
  ENETUNREACH: 'no way leads there',
  ENOENT: 'there is no such socket',
  EACCES: 'the socket may not be used (permission denied)',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate stands for another name',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself, and tls.ca does not name it',
  SELF_SIGNED_CERT_IN_CHAIN:
    'its certificate comes from an authority that is not believed: tls.ca names those that are',
  UNABLE_TO_GET_ISSUER_CERT:
    'its certificate comes from an authority that is not believed: tls.ca names those that are',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate comes from an authority that is not believed: tls.ca names those that are',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate comes without those between it and its authority: it must send the whole chain',
  CERT_SIGNATURE_FAILURE: 'its certificate is not signed by the authority that it names',
  INVALID_PURPOSE: 'its certificate is not one for servers',
}

function connectFailure(error: Error & { readonly code?: unknown }): UpstreamFailure {
  const code = typeof error.code === 'string' ? error.code : ''
  const detail = REFUSED[code]
  if (detail !== undefined) return { failure: 'refused', detail: `${detail} (${code})` }
  // OpenSSL's own: no common protocol, a certificate of ours that is not taken, plain HTTP where TLS was awaited.
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO')
    return { failure: 'refused', detail: `no TLS could be agreed on (${code})` }
  return { failure: 'reset', detail: `the connection failed${code === '' ? '' : ` (${code})`}` }
}
