// An export that stands alone: the records, a proof of each, the checkpoint, the key, and the verifier, in a directory of their own.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hash, NodeReader } from '../merkle.ts'
import { readCheckpoint } from '../proof.ts'
import { createTileReader } from '../tile-reader.ts'
import { createVerifierFile } from '../verifier-file.ts'
import { FORMATS, type LineFormat } from './formats.ts'
import { createProofLines } from './proof-lines.ts'

export interface PackOptions {
  /** The trail. */
  readonly dir: string
  /** Must not exist. */
  readonly out: string
  readonly format: LineFormat
  /** Only of `ndjson`, whose lines are the exact bytes that are proven. */
  readonly withProofs: boolean
}

export interface PackedRecord {
  readonly index: number
  readonly entry: Buffer
}

/** Names in the pack that the verifier looks for. */
const PROOFS_FILE = 'proofs.ndjson'

/** Writes the pack. Resolves with what it holds. Rejects with an Error of one line where something cannot be written. */
export async function writePack(options: PackOptions, records: AsyncIterable<PackedRecord>): Promise<Packed> {
  const { dir, out, format } = options
  await mkdir(out, { mode: 0o700 })
  const { note, size } = await readCheckpoint(dir)
  const { file, heading, line } = FORMATS[format]
  const lines = openLines(join(out, file))
  const proofs = options.withProofs && format === 'ndjson' ? openLines(join(out, PROOFS_FILE)) : undefined
  const proofLine = createProofLines(remembering(createTileReader(dir, size)), size)
  let count = 0
  if (heading !== '') await lines.write(heading)
  for await (const { index, entry } of records) {
    // A record that was sealed after the export began has no proof under its checkpoint.
    if (index >= size) continue
    count += 1
    const full = lines.add(line(index, entry))
    const isFull = proofs?.add(proofLine(index)) ?? false
    if (full || isFull) await Promise.all([lines.flush(), proofs?.flush()])
  }
  const hashes = { [file]: await lines.end(), ...(proofs === undefined ? {} : { [PROOFS_FILE]: await proofs.end() }) }
  await writeExtras(dir, out, note)
  return { records: count, hashes }
}

export interface Packed {
  readonly records: number
  /** SHA-256 in hex, by file. */
  readonly hashes: Readonly<Record<string, string>>
}

const NODES_MAX = 65_536

/** Records that follow one another share nearly all nodes above their tile: each is put together once. */
function remembering(read: NodeReader): NodeReader {
  const levels: Map<number, Hash>[] = []
  return (level, index) => {
    // A leaf's hash stands in its tile as it is.
    if (level === 0) return read(level, index)
    const known = (levels[level] ??= new Map())
    const found = known.get(index)
    if (found !== undefined) return found
    if (known.size >= NODES_MAX) known.clear()
    const hash = read(level, index)
    known.set(index, hash)
    return hash
  }
}

/** What every export has: the checkpoint and the key that its records were under, and the verifier. */
export async function writeExtras(dir: string, out: string, checkpoint?: string): Promise<void> {
  const note = checkpoint ?? (await readCheckpoint(dir)).note
  await writeFile(join(out, 'checkpoint'), note, { mode: 0o600 })
  await writeFile(join(out, 'vkey'), await readFile(join(dir, 'vkey')), { mode: 0o600 })
  await writeFile(join(out, 'verify.mjs'), createVerifierFile(), { mode: 0o600 })
}

/** Records as lines with their index as the first member. Resolves with how many. */
export async function writeIndexedLines(path: string, records: AsyncIterable<PackedRecord>): Promise<number> {
  const lines = openLines(path)
  let count = 0
  for await (const { index, entry } of records) {
    count += 1
    await lines.write(`{"index":${index},${entry.toString().slice(1)}\n`)
  }
  await lines.end()
  return count
}

interface Lines {
  /** Keeps the text; true where it is time to flush. */
  add(text: string): boolean
  flush(): Promise<void>
  write(text: string): Promise<void>
  /** Resolves with the SHA-256 of all of it, hex. */
  end(): Promise<string>
}

const CHUNK_CHARACTERS = 1 << 18

/** A file of lines, written at the disk's own pace, some hundred lines at a time, and hashed as it is written. */
function openLines(path: string): Lines {
  const stream = createWriteStream(path, { mode: 0o600, flags: 'wx' })
  const hash = createHash('sha256')
  let pending: string[] = []
  let length = 0
  let failed: Error | undefined
  stream.on('error', (error) => {
    failed = error
  })
  const flush = async (): Promise<void> => {
    if (failed !== undefined) throw failed
    if (length === 0) return
    const bytes = Buffer.from(pending.join(''))
    pending = []
    length = 0
    hash.update(bytes)
    if (!stream.write(bytes)) await once(stream, 'drain')
  }
  return {
    add(text) {
      pending.push(text)
      length += text.length
      return length >= CHUNK_CHARACTERS
    },
    flush,
    async write(text) {
      pending.push(text)
      length += text.length
      if (length >= CHUNK_CHARACTERS) await flush()
    },
    async end() {
      await flush()
      stream.end()
      if (failed !== undefined) throw failed
      await once(stream, 'close')
      return hash.digest('hex')
    },
  }
}
