// Proofs that a record is in the log, in one file that verifies anywhere: C2SP tlog-proof.
import { join } from 'node:path'
import { type Checkpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { type Files, nodeFiles } from './files.ts'
import { createInclusionProof, type Hash, isIncluded, leafHash } from './merkle.ts'
import { parseBase64, parseNote, type Refused, type Vkey } from './note.ts'
import { createTileReader } from './tile-reader.ts'

const FIRST_LINE = 'c2sp.org/tlog-proof@v1'
const INDEX_LINE = /^index (0|[1-9]\d{0,15})$/
/** Longer than any tree that there can be. */
const HASHES_MAX = 63

export interface Proof {
  readonly index: number
  readonly hashes: readonly Hash[]
  /** The signed note, verbatim, with the signatures of witnesses where it has some. */
  readonly checkpoint: string
}

export function encodeHash(hash: Hash): string {
  return Buffer.from(hash, 'latin1').toString('base64')
}

export function formatProof({ index, hashes, checkpoint }: Proof): string {
  return [FIRST_LINE, `index ${index}`, ...hashes.map(encodeHash), '', checkpoint].join('\n')
}

/** Reads a proof, with or without `extra` data, which is not authenticated and left out. */
export function parseProof(text: string): Proof | Refused {
  const end = text.indexOf('\n\n')
  const [first, ...lines] = text.slice(0, Math.max(0, end)).split('\n')
  if (end < 0 || first !== FIRST_LINE) return { problem: `this is no proof: it does not begin with ${FIRST_LINE}` }
  if (lines[0]?.startsWith('extra ') === true && parseBase64(lines.shift()?.slice(6) ?? '') === undefined)
    return { problem: 'the extra data is not base64' }
  const index = Number(INDEX_LINE.exec(lines.shift() ?? '')?.[1])
  if (!Number.isSafeInteger(index)) return { problem: 'the proof has no valid index line' }
  if (lines.length > HASHES_MAX) return { problem: `the proof has more than ${HASHES_MAX} hashes` }
  const hashes = lines.map(parseHash)
  return hashes.every((hash) => hash !== undefined)
    ? { index, hashes, checkpoint: text.slice(end + 2) }
    : { problem: 'a line of the proof is not 32 bytes of base64' }
}

function parseHash(line: string): Hash | undefined {
  const bytes = parseBase64(line)
  return bytes?.length === 32 ? bytes.toString('latin1') : undefined
}

/** The checkpoint of a trail with its size. Throws an Error where there is none that can be read. */
export async function readCheckpoint(
  dir: string,
  files: Files = nodeFiles,
): Promise<Checkpoint & { readonly note: string }> {
  const note = (await files.read(join(dir, 'checkpoint')))?.toString()
  if (note === undefined) throw new Error(`${dir} has no checkpoint: it is no trail`)
  const parsed = parseNote(note)
  const checkpoint = 'problem' in parsed ? parsed : parseCheckpoint(parsed.text)
  if ('problem' in checkpoint) throw new Error(`the checkpoint in ${dir} cannot be read: ${checkpoint.problem}`)
  return { note, ...checkpoint }
}

/** The proof of an entry under the checkpoint that the trail has now. Throws an Error where a tile is missing, a RangeError beyond the end. */
export async function createProof(dir: string, index: number, files: Files = nodeFiles): Promise<Proof> {
  const { note, size } = await readCheckpoint(dir, files)
  return { index, hashes: createInclusionProof(createTileReader(dir, size), index, size), checkpoint: note }
}

export interface ProvenBy {
  readonly origin: string
  readonly size: number
  readonly index: number
}

/** Checks a proof offline: the log's signature, and that the leaf is at the index. Returns what is wrong with it. */
export function checkProof(proof: Proof, leaf: Hash, vkey: Vkey): ProvenBy | Refused {
  const checkpoint = openCheckpoint(proof.checkpoint, vkey)
  if ('problem' in checkpoint) return { problem: `the checkpoint in the proof does not hold: ${checkpoint.problem}` }
  const { size, root, origin } = checkpoint
  if (!isIncluded({ index: proof.index, size, leaf, root, proof: proof.hashes }))
    return { problem: `the proof does not show this record as entry ${proof.index} of ${origin}` }
  return { origin, size, index: proof.index }
}

/** The leaf of a record that was kept in a file: as it is, or with the one newline that an editor or a shell adds. */
export function leavesOf(record: Buffer): readonly Hash[] {
  return record.at(-1) === 10 ? [leafHash(record), leafHash(record, 0, record.length - 1)] : [leafHash(record)]
}
