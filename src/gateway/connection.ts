// One downstream connection: its requests one after the other, and an end that lets the caller read the last answer.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** How long a caller may go on sending what is thrown away, so that a reset does not take the answer from it. */
const LINGER_MS = 2_000

const turns = new WeakMap<Duplex, Promise<void>>()
const closing = new WeakSet<Duplex>()

/**
 * Runs the requests of a connection one at a time: a pipelined request is not judged before the one ahead of it has been
 * answered, and never where that answer closes the connection (RFC 9112, 9.6). `turn` must not reject.
 */
export function inTurn(socket: Duplex, turn: () => Promise<void>): void {
  const ahead = turns.get(socket)
  const mine = ahead === undefined ? turn() : ahead.then(() => (mayTakeTurn(socket) ? turn() : undefined))
  turns.set(socket, mine)
  void mine.then(() => {
    if (turns.get(socket) === mine) turns.delete(socket)
  })
}

function mayTakeTurn(socket: Duplex): boolean {
  return !closing.has(socket) && !socket.destroyed
}

/** Calls `then` once nothing is being answered on the connection: in this turn where that is so already. */
export function afterTurn(socket: Duplex, then: () => void): void {
  const ahead = turns.get(socket)
  if (ahead === undefined) then()
  else void ahead.then(then)
}

export function isClosing(socket: Duplex): boolean {
  return closing.has(socket)
}

/**
 * To be called with a `Connection: close` on its way: no further request is taken from the connection. Where the request's
 * body has not been read to its end, what still comes is thrown away for a while after the answer: closing at once would
 * reset the connection under the answer (RFC 9112, 9.6; golang/go#67555 is what happens where it is kept).
 */
export function closeAfterAnswer(request: IncomingMessage): void {
  const { socket } = request
  if (closing.has(socket)) return
  closing.add(socket)
  if (request.complete) return
  // What Node calls when the last answer of a connection has been written.
  socket.destroySoon = () => {
    request.resume()
    endLingering(socket)
  }
}

/** Sends what is queued, then our end of the connection, and destroys it when the caller has gone or has had its time. */
export function endLingering(socket: Duplex): void {
  closing.add(socket)
  socket.end()
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
export function resetConnection(socket: Duplex | null): void {
  if (socket === null) return
  const { _parent: parent } = socket as { readonly _parent?: Resettable | null }
  const raw: Resettable = parent ?? socket
  try {
    if (raw.resetAndDestroy === undefined) raw.destroy()
    else raw.resetAndDestroy()
  } catch {
    // A unix socket has no RST.
    raw.destroy()
  }
  socket.destroy()
}

interface Resettable {
  resetAndDestroy?(): unknown
  destroy(): unknown
}
