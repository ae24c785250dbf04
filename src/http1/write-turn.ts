// What is written within one turn of the event loop leaves together at its end. A write wakes whoever waits for it, on another
// core more often than not, and a core that is woken for each small write costs more than all else that a request needs.
import type { Duplex } from 'node:stream'

let held: Duplex[] = []
let waiting: (() => void)[] = []
let isDue = false
/** Asked before anything leaves; there is one for each gateway of this thread. */
const checks = new Set<() => unknown>()

/** `check` runs before the writes of each turn: what it destroys is not written. Returns what takes it back. */
export function checkBeforeWrites(check: () => unknown): () => void {
  checks.add(check)
  return () => {
    checks.delete(check)
  }
}

/** From here on what is written to the socket waits for the end of this turn, or for `release`. */
export function holdWrites(socket: Duplex): void {
  if (socket.writableCorked > 0) return
  socket.cork()
  held.push(socket)
  schedule()
}

/** Writes now what is held of this socket: for bytes that are too many to keep. */
export function release(socket: Duplex): void {
  while (socket.writableCorked > 0) socket.uncork()
}

/** Writes now what is held of this socket, as at the end of the turn: before it is ended for another reason. */
export function writeNow(socket: Duplex): void {
  for (const check of checks) check()
  release(socket)
}

/** Calls `then` once the writes of this turn have been made. */
export function afterWrites(then: () => void): void {
  waiting.push(then)
  schedule()
}

function schedule(): void {
  if (isDue) return
  isDue = true
  // After the events that this turn's poll has brought, before the next poll.
  setImmediate(flush)
}

function flush(): void {
  isDue = false
  const sockets = held
  const then = waiting
  held = []
  waiting = []
  for (const check of checks) check()
  for (const socket of sockets) release(socket)
  for (const each of then) each()
}
