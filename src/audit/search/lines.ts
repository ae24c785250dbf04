// Entries as lines of JSON, each with its index as the first member: what the index takes in.
import { type FileHandle, open } from 'node:fs/promises'
import { type Files, nodeFiles } from '../files.ts'
import { entryAt, readBundle, readExtent } from '../reader.ts'
import { TILE_WIDTH } from '../tiles.ts'

const BRACE = 123
const WRITE_BYTES = 1 << 20

/** Writes the entries `from` up to `to` that are JSON objects. Resolves with how many were not. */
export async function writeLines(
  dir: string,
  { from, to }: { readonly from: number; readonly to: number },
  path: string,
  files: Files = nodeFiles,
): Promise<number> {
  const { size } = await readExtent(dir, files)
  const out = await open(path, 'w', 0o600)
  let left = 0
  try {
    let pending: Buffer[] = []
    let bytes = 0
    for (let at = from; at < to;) {
      const bundle = await readBundle(files, dir, Math.floor(at / TILE_WIDTH), size)
      for (const stop = Math.min(to, bundle.first + TILE_WIDTH); at < stop; at += 1) {
        const entry = entryAt(bundle, at)
        // An entry is written by our own recorder, as one line; what is none is for the plain search alone.
        if (entry[0] !== BRACE || entry[1] === BRACE + 2 || entry.includes(10)) {
          left += 1
          continue
        }
        pending.push(Buffer.from(`{"index":${at},`), entry.subarray(1), NEWLINE)
        bytes += entry.length + 20
      }
      if (bytes < WRITE_BYTES) continue
      await writeChunk(out, pending)
      pending = []
      bytes = 0
    }
    await writeChunk(out, pending)
  } finally {
    await out.close()
  }
  return left
}

const NEWLINE = Buffer.from('\n')

async function writeChunk(out: FileHandle, chunk: readonly Buffer[]): Promise<void> {
  if (chunk.length > 0) await out.write(Buffer.concat(chunk))
}
