// How a downstream connection ends: so that the caller can read its last answer, or at once.
import type { Duplex } from 'node:stream'

/** How long a caller may go on sending what is thrown away, so that a reset does not take the answer from it. */
const LINGER_MS = 2_000

/**
 * Sends what is queued, then our end of the connection, and destroys it when the caller has gone or has had its time:
 * closing at once would reset the connection under the answer (RFC 9112, 9.6).
 */
export function endLingering(socket: Duplex): void {
  socket.end()
  socket.resume()
  const over = setTimeout(() => {
    socket.destroy()
  }, LINGER_MS)
  over.unref()
  socket.once('close', () => {
    clearTimeout(over)
  })
}

/**
 * Cuts the connection by RST where there is TCP underneath (on TLS the raw socket): closing it would wait for what the
 * kernel has buffered, and let a slow reader have megabytes more.
 */
export function resetConnection(socket: Duplex): void {
  const raw: Resettable = rawSocketOf(socket)
  try {
    if (raw.resetAndDestroy === undefined) raw.destroy()
    else raw.resetAndDestroy()
  } catch {
    // A unix socket has no RST.
    raw.destroy()
  }
  socket.destroy()
}

/** What TCP sees of a connection: on TLS the socket underneath. */
export function rawSocketOf(socket: Duplex): Duplex {
  const { _parent: parent } = socket as { readonly _parent?: Duplex | null }
  return parent ?? socket
}

interface Resettable {
  resetAndDestroy?(): unknown
  destroy(): unknown
}
