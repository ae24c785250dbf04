// Reads a file that others write: bounded, never a device or a pipe, and never waiting.
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'

export interface ReadFile {
  readonly bytes: Buffer
  /** Changes whenever the file is another or was written to. */
  readonly stamp: string
}

export interface UnreadFile {
  /** `absent`: nothing by that name. `refused`: it is no such file as may be read here. */
  readonly unread: 'absent' | 'refused'
  readonly detail: string
}

export interface ReadRules {
  readonly bytesMax: number
  /** No symbolic link in the last part of the path, and no second name of the file (hard link). */
  readonly isLinkRefused: boolean
}

const GROWTH_BYTES = 4096

/** Never rejects: what cannot be read is said. */
export async function readBounded(path: string, rules: ReadRules): Promise<ReadFile | UnreadFile> {
  let handle: FileHandle
  try {
    // O_NONBLOCK: opening a pipe without a writer would wait for ever.
    handle = await open(
      path,
      constants.O_RDONLY | constants.O_NONBLOCK | (rules.isLinkRefused ? constants.O_NOFOLLOW : 0),
    )
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return { unread: 'absent', detail: 'there is no such file' }
    return { unread: 'refused', detail: code === 'ELOOP' ? 'it is a link' : `it cannot be opened (${code})` }
  }
  try {
    return await readFrom(handle, rules)
  } catch (error) {
    return { unread: 'refused', detail: `it cannot be read (${codeOf(error)})` }
  } finally {
    await handle.close().catch(() => undefined)
  }
}

async function readFrom(handle: FileHandle, { bytesMax, isLinkRefused }: ReadRules): Promise<ReadFile | UnreadFile> {
  const stat = await handle.stat({ bigint: true })
  if (!stat.isFile()) return { unread: 'refused', detail: 'it is no regular file' }
  if (isLinkRefused && stat.nlink !== 1n) return { unread: 'refused', detail: 'it has a second name (a hard link)' }
  if (stat.size > BigInt(bytesMax)) return { unread: 'refused', detail: `it is larger than ${bytesMax} bytes` }
  // Some room more than its size: a file may grow while it is read.
  const bytes = Buffer.alloc(Math.min(bytesMax, Number(stat.size) + GROWTH_BYTES) + 1)
  let length = 0
  for (;;) {
    const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length)
    length += bytesRead
    if (bytesRead === 0) break
  }
  if (length === bytes.length) return { unread: 'refused', detail: 'it grew while it was read' }
  return { bytes: bytes.subarray(0, length), stamp: `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}` }
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error)
}
