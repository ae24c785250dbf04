// Tiles are written by a thread of their own: a file is eight calls, each of which would pass through a file thread and wake this one.
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { TileReply, TileToWrite } from './tile-writer-thread.ts'

export interface TileWriter {
  /** As `writeBack` of Files. Rejects with an Error that says what the system said, and where the thread has ended. */
  write(path: string, bytes: Uint8Array): Promise<Buffer>
  /** Ends the thread; what is being written is left as it is. */
  close(): Promise<void>
}

interface Waiting {
  readonly resolve: (back: Buffer) => void
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
      if (waiting.size === 0) started.unref()
      if ('failed' in reply) asker?.reject(new Error(reply.failed))
      else asker?.resolve(Buffer.from(reply.bytes))
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
    return started
  }
  return {
    write(path, bytes) {
      ticket += 1
      thread ??= begin()
      // Only while a tile is on its way does it keep the process alive.
      thread.ref()
      const written = new Promise<Buffer>((resolve, reject) => waiting.set(ticket, { resolve, reject }))
      thread.postMessage({ ticket, path, bytes } satisfies TileToWrite)
      return written
    },
    async close() {
      await thread?.terminate()
    },
  }
}
