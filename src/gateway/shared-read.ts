// Accepted connections of a thread are read into one buffer. Node makes 64 KiB of memory for each read of a socket, of which a request
// takes less than one, and offers `onread` for sockets that it opens alone; so the connection is taken out of the socket that it came in
// (docs/decisions/0026).
import net from 'node:net'

const READ_BYTES = 65_536
const buffer = Buffer.allocUnsafeSlow(READ_BYTES)

/** A connection whose bytes are lent. */
export interface SharedRead {
  readonly socket: net.Socket
  /** Is given what has been read, in memory that is the next read's after this call. */
  take: (bytes: Buffer) => void
}

/** Undocumented; `handle` of a socket's options is documented for sockets that are bound. */
interface WithHandle {
  _handle?: net.BoundSocket | null
}

/** In the turn in which it was accepted. Undefined where it has no handle that can be taken: then it is read as any other socket. */
export function shareReads(accepted: net.Socket): SharedRead | undefined {
  const from = accepted as WithHandle
  const handle = from._handle
  if (typeof handle !== 'object' || handle === null) return undefined
  const onread = {
    buffer,
    callback: (bytes: number): boolean => {
      shared.take(buffer.subarray(0, bytes))
      return true
    },
  }
  const options = { handle, onread, allowHalfOpen: true }
  const shared: SharedRead = { socket: new net.Socket(options), take: () => undefined }
  // What is left of the other is no connection: its end is the listener's book-keeping.
  from._handle = null
  accepted.destroy()
  return shared
}
