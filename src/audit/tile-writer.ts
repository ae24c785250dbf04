// Tiles are written by a thread of their own: a file is six calls, each of which would pass through a file thread and wake this one.
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { TileReply, TileToWrite } from './tile-writer-thread.ts'

export interface TileWriter {
  /** As `writeBack` of Files. Rejects with an Error that says what the system said, and where the thread has ended. */
  write(path: string, bytes: Buffer): Promise<Buffer | undefined>
  /** Ends the thread; what is being written is left as it is. */
  close(): Promise<void>
}

interface Waiting {
  readonly resolve: (back: Buffer | undefined) => void
  readonly reject: (error: Error) => void
}

/** The thread is started with the first tile, and anew with the next one where it has ended. */
export function createTileWriter(): TileWriter {
  let thread: Worker | undefined
  const waiting = new Map<number, Waiting>()
  let ticket = 0
  const begin = (): Worker => {
    const file = new URL(`./tile-writer-thread${extname(import.meta.url)}`, import.meta.url)
    const started = new Worker(file, { name: 'tile-writer' })
    started.on('message', (reply: TileReply) => {
      const asker = waiting.get(reply.ticket)
      waiting.delete(reply.ticket)
      if ('failed' in reply) asker?.reject(new Error(reply.failed))
      else asker?.resolve(reply.bytes && Buffer.from(reply.bytes))
    })
    let why = 'the thread that writes tiles has ended'
    started.on('error', (error) => {
      why = String(error)
    })
    started.on('exit', () => {
      if (thread === started) thread = undefined
      for (const { reject } of waiting.values()) reject(new Error(why))
      waiting.clear()
    })
    // It keeps no gateway alive.
    started.unref()
    return started
  }
  return {
    write(path, bytes) {
      ticket += 1
      const own = ownMemory(bytes)
      const message: TileToWrite = { ticket, path, bytes: own }
      thread ??= begin()
      const written = new Promise<Buffer | undefined>((resolve, reject) => waiting.set(ticket, { resolve, reject }))
      thread.postMessage(message, [own])
      return written
    },
    async close() {
      await thread?.terminate()
    },
  }
}

/** Memory that holds these bytes and nothing else: a small Buffer is a piece of what others have pieces of. */
function ownMemory({ buffer, byteOffset, byteLength }: Buffer): ArrayBuffer {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) return buffer
  return new Uint8Array(buffer, byteOffset, byteLength).slice().buffer
}
