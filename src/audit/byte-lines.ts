// A file's lines as bytes, read synchronously: for a verifier, which has nothing else to do, and millions of them.
import { closeSync, openSync, readSync } from 'node:fs'

const CHUNK = 1 << 20
const NEWLINE = 10

export interface ByteLines {
  /** Without its newline, and good until the next is asked for; undefined at the end. */
  next(): Buffer | undefined
  close(): void
}

/** Throws where the file cannot be opened. A newline ends a line, and nothing else does. */
export function openByteLines(path: string): ByteLines {
  const descriptor = openSync(path, 'r')
  let bytes: Buffer = Buffer.alloc(0)
  let at = 0
  let isEnded = false
  const more = (): void => {
    const chunk = Buffer.allocUnsafe(CHUNK)
    const length = readSync(descriptor, chunk)
    isEnded = length === 0
    bytes = Buffer.concat([bytes.subarray(at), chunk.subarray(0, length)])
    at = 0
  }
  return {
    next() {
      let end = bytes.indexOf(NEWLINE, at)
      while (end < 0 && !isEnded) {
        more()
        end = bytes.indexOf(NEWLINE, at)
      }
      if (end < 0 && at >= bytes.length) return undefined
      const line = bytes.subarray(at, end < 0 ? bytes.length : end)
      at = end < 0 ? bytes.length : end + 1
      return line
    },
    close() {
      closeSync(descriptor)
    },
  }
}
