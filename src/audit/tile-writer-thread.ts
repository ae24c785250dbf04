// The thread that writes tiles: synchronous calls, one tile after the other. Started by tile-writer.ts.
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import os from 'node:os'
import { parentPort } from 'node:worker_threads'
import { messageOf } from './files.ts'

/** To the thread: a file, and all of its bytes. */
export interface TileToWrite {
  readonly ticket: number
  readonly path: string
  readonly bytes: ArrayBuffer
}

/** From the thread, one a ticket: what the disk gives back, where it is what was written. */
export type TileReply =
  | { readonly ticket: number; readonly bytes: ArrayBuffer | undefined }
  | { readonly ticket: number; readonly failed: string }

/**
 * Requests go first where they want the same core, and tiles still get a quarter of it: those of a busy second must not become those
 * of the next. Linux has a priority for each thread (setpriority(2), "C library/kernel differences"); others have one for the process.
 */
const NICE = 5

function yieldToRequests(): void {
  if (process.platform !== 'linux') return
  try {
    os.setPriority(NICE)
  } catch {
    // Not allowed here: tiles are written as fast as all else is done.
  }
}

function writeSynced(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, 'w', 0o600)
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, done)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Undefined where the file is longer or shorter. */
function read(path: string, length: number): Buffer<ArrayBuffer> | undefined {
  const bytes = Buffer.allocUnsafeSlow(length)
  const fd = openSync(path, 'r')
  try {
    let done = 0
    for (let got = -1; got !== 0 && done < length; done += got) got = readSync(fd, bytes, done, length - done, done)
    const isWhole = done === length && readSync(fd, Buffer.alloc(1), 0, 1, length) === 0
    return isWhole ? bytes : undefined
  } finally {
    closeSync(fd)
  }
}

function answer({ ticket, path, bytes }: TileToWrite): TileReply {
  try {
    const written = new Uint8Array(bytes)
    writeSynced(path, written)
    const back = read(path, written.length)
    return { ticket, bytes: back?.equals(written) === true ? back.buffer : undefined }
  } catch (error) {
    return { ticket, failed: messageOf(error) }
  }
}

yieldToRequests()
parentPort?.on('message', (tile: TileToWrite) => {
  const reply = answer(tile)
  parentPort?.postMessage(reply, 'bytes' in reply && reply.bytes !== undefined ? [reply.bytes] : [])
})
