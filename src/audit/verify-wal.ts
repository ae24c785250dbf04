// The write-ahead logs of a trail that is open, or that a crash has left: every byte of every segment, and what of them is sealed.
import { relative } from 'node:path'
import { codeOf, type Files } from './files.ts'
import type { Findings } from './findings.ts'
import { type Hash, leafHash } from './merkle.ts'
import type { RecordSequence } from './record-sequence.ts'
import { entriesOf } from './wal-block.ts'
import { joinSegments, listSegments, readSegment, segmentFile, type SegmentBlock } from './wal-segment.ts'

/** An acknowledged entry, with its place in a segment. */
interface WalEntry {
  readonly leaf: Hash
  readonly file: string
  readonly offset: number
  readonly text: string
}

export interface WalContents {
  /** It has no entries: nobody needs to be told what the log has. */
  readonly isEmpty: boolean
  /** Counts an entry of the log as sealed. */
  readonly onLeaf: (leaf: Hash) => void
  readonly leaves: () => Iterable<Hash>
  /** Whether a write-ahead log has an entry with this hash. */
  readonly has: (leaf: Hash) => boolean
  /**
   * Once all entries of the log are counted: says which of them are missing in it, follows the sequence of those that are not
   * sealed yet, and returns how many these are.
   */
  readonly finish: (sequence: RecordSequence) => number
}

function placeOf(block: SegmentBlock): string {
  return `wal/${segmentFile(block)}`
}

async function readEntries(files: Files, dir: string, blocks: readonly SegmentBlock[]): Promise<WalEntry[]> {
  const entries: WalEntry[] = []
  let bytes: Buffer | undefined
  let number = -1
  for (const block of blocks) {
    if (block.number !== number) bytes = await readSegment(files, dir, block)
    number = block.number
    if (bytes === undefined) continue
    for (const entry of entriesOf(bytes, block.offset)) {
      const offset = entry.byteOffset - bytes.byteOffset
      entries.push({ leaf: leafHash(entry), file: placeOf(block), offset, text: entry.toString('latin1') })
    }
  }
  return entries
}

/** What cannot be read is said, and is as if it were not there. */
function saying(files: Files, dir: string, findings: Findings): Files {
  const unless = <T>(none: T, path: string, reading: Promise<T>): Promise<T> =>
    reading.catch((error: unknown) => {
      findings.problem(`this cannot be read: ${codeOf(error)}`, { file: relative(dir, path) })
      return none
    })
  return {
    ...files,
    read: (path) => unless(undefined, path, files.read(path)),
    list: (path) => unless([], path, files.list(path)),
  }
}

/** Checks all segments, and reads what they hold. */
export async function verifyWal(system: Files, dir: string, findings: Findings): Promise<WalContents> {
  const files = saying(system, dir, findings)
  const writers: WalEntry[][] = []
  const sealed = new Map<Hash, number>()
  for (const names of (await listSegments(files, dir)).values()) {
    const { blocks, flaws, voided } = await joinSegments(files, dir, names)
    for (const { kind, detail, offset, ...name } of flaws) {
      const file = `wal/${segmentFile(name)}`
      if (kind === 'damaged') findings.problem(detail, { file, offset })
      else findings.warn(`${file}, byte ${offset}: ${detail}`)
    }
    for (const block of voided)
      findings.warn(`${placeOf(block)}, byte ${block.offset}: a commit that failed and was written again later`)
    const entries = await readEntries(files, dir, blocks)
    for (const { leaf } of entries) sealed.set(leaf, 0)
    writers.push(entries)
  }
  return {
    isEmpty: sealed.size === 0,
    onLeaf: (leaf) => {
      if (sealed.size === 0) return
      const count = sealed.get(leaf)
      if (count !== undefined) sealed.set(leaf, count + 1)
    },
    leaves: () => sealed.keys(),
    has: (leaf) => sealed.has(leaf),
    finish: (sequence) => {
      let unsealed = 0
      for (const entries of writers) unsealed += finishWriter(entries, sealed, sequence, findings)
      return unsealed
    },
  }
}

/** A writer's entries are sealed in their order: one that is not, before one that is, was taken out of the log. */
function finishWriter(
  entries: readonly WalEntry[],
  sealed: Map<Hash, number>,
  sequence: RecordSequence,
  findings: Findings,
): number {
  const open: WalEntry[] = []
  for (const entry of entries) {
    const count = sealed.get(entry.leaf) ?? 0
    if (count === 0) {
      open.push(entry)
      continue
    }
    sealed.set(entry.leaf, count - 1)
    for (const { file, offset } of open.splice(0))
      findings.problem('this entry was acknowledged, and the log does not have it', { file, offset })
  }
  for (const { text, file, offset } of open) sequence.see(text, 0, text.length, { file, offset })
  return open.length
}
