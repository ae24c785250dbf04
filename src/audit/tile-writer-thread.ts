// The thread that writes tiles: synchronous calls, one tile after the other. Started by tile-writer.ts.
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import os from 'node:os'
import { parentPort } from 'node:worker_threads'
import { messageOf } from './files.ts'

/** To the thread: a file, and all of its bytes. */
export interface TileToWrite {
  readonly ticket: number
  readonly path: string
  readonly bytes: Uint8Array
}

/** From the thread, one a ticket: what the disk gives back. */
export type TileReply =
  { readonly ticket: number; readonly bytes: ArrayBuffer } | { readonly ticket: number; readonly failed: string }

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

/** All of a file, in memory that can be handed on. */
function read(path: string): ArrayBuffer {
  const fd = openSync(path, 'r')
  try {
    const bytes = Buffer.allocUnsafeSlow(fstatSync(fd).size)
    let done = 0
    for (let got = -1; got !== 0 && done < bytes.length; done += got)
      got = readSync(fd, bytes, done, bytes.length - done, done)
    return done === bytes.length ? bytes.buffer : bytes.buffer.slice(0, done)
  } finally {
    closeSync(fd)
  }
}

function answer({ ticket, path, bytes }: TileToWrite): TileReply {
  try {
    writeSynced(path, bytes)
    return { ticket, bytes: read(path) }
  } catch (error) {
    return { ticket, failed: messageOf(error) }
  }
}

yieldToRequests()
parentPort?.on('message', (tile: TileToWrite) => {
  const reply = answer(tile)
  parentPort?.postMessage(reply, 'bytes' in reply ? [reply.bytes] : [])
})
