// Every file of the directory has a reason to be there: nothing may hide beside what is verified.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from './files.ts'
import type { Findings } from './findings.ts'
import { type Hash, leafHash, rootOf } from './merkle.ts'
import {
  boundsOf,
  HASH_BYTES,
  hashesOf,
  leavesPerHash,
  parseTilePath,
  TILE_WIDTH,
  type TileName,
  tilePath,
  widthAt,
} from './tiles.ts'
import { parseSegmentFile } from './wal-segment.ts'

export interface FilesPass {
  readonly dir: string
  readonly size: number
  readonly findings: Findings
  /** The last, partial tile of each level, as derived. */
  readonly edge: readonly (readonly Hash[])[]
  /** Something waits to be sealed: only then can a seal have been interrupted. */
  readonly isSealing: boolean
  /** Whether a write-ahead log holds an entry with this hash. */
  readonly isInWal: (leaf: Hash) => boolean
  /** What may stand in a file that was being replaced, and was not finished. */
  readonly isNote: (text: string) => boolean
}

/** Paths of everything below the directory that is no directory, in no particular order. */
function* walk(dir: string, below = ''): Generator<{ path: string; isFile: boolean }> {
  for (const entry of unlessGone(() => readdirSync(join(dir, below), { withFileTypes: true })) ?? []) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) yield* walk(dir, path)
    else yield { path, isFile: entry.isFile() }
  }
}

/** Looks at each file: the expected ones were verified already, all others are judged here. */
export function verifyFiles(pass: FilesPass): void {
  let leftovers = 0
  for (const { path, isFile } of walk(pass.dir)) {
    if (unlessGone(() => verifyFile(pass, path, isFile)) === true) leftovers += 1
  }
  if (leftovers > 0) {
    pass.findings.warn(
      `${leftovers} tiles beyond the checkpoint: a seal was interrupted, and the next one writes them again`,
    )
  }
}

/** Returns true for a tile beyond the checkpoint. */
function verifyFile(pass: FilesPass, path: string, isFile: boolean): boolean {
  const name = parseTilePath(path)
  if (!isFile) pass.findings.problem('this is no regular file', { file: path })
  else if (name !== undefined) return verifyTileFile(pass, path, name)
  else if (path.endsWith('.tmp')) verifyUnfinished(pass, path)
  else if (!isExpected(path)) pass.findings.problem('this file does not belong to the trail', { file: path })
  return false
}

/**
 * A gateway at work removes what it is done with between our look at the directory and at the file. What must be there was
 * read before (verify-log), so a file that has gone is none to complain of.
 */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function isExpected(path: string): boolean {
  if (path === 'checkpoint' || path === 'vkey') return true
  return path.startsWith('wal/') && parseSegmentFile(path.slice(4)) !== undefined
}

/** A checkpoint or key that was being written: cut short, it is nothing; whole, it must be a true one. */
function verifyUnfinished({ dir, findings, isNote }: FilesPass, path: string): void {
  const text = readFileSync(join(dir, path), 'utf8')
  const isKnown = path === 'checkpoint.tmp' || path === 'vkey.tmp'
  if (isKnown && (!text.endsWith('\n') || isNote(text))) findings.warn(`${path}: left by an interrupted write`)
  else findings.problem('this file does not belong to the trail', { file: path })
}

/** Returns true for a tile beyond the checkpoint. */
function verifyTileFile(pass: FilesPass, path: string, name: TileName): boolean {
  const width = widthAt(pass.size, name.level, name.index)
  if (name.width === width) return false
  const bytes = readFileSync(join(pass.dir, path))
  if (name.width > width && !pass.isSealing) {
    pass.findings.problem('this lies beyond the checkpoint', { file: path })
    return false
  }
  if (name.width > width) {
    verifyLeftover(pass, path, name, bytes)
    return true
  }
  const currentPath = tilePath({ ...name, width })
  // Where the present tile is missing that was said already, and this one cannot be judged.
  if (!existsSync(join(pass.dir, currentPath))) return false
  const current = readFileSync(join(pass.dir, currentPath))
  const length = name.level === 'entries' ? boundsOf(current).bounds[2 * name.width - 1] : name.width * HASH_BYTES
  const wrong = bytes.findIndex((byte, i) => byte !== current[i])
  if (wrong >= 0 || bytes.length !== length) {
    const place = { file: path, offset: wrong >= 0 ? wrong : Math.min(bytes.length, length ?? 0) }
    pass.findings.problem('this older partial tile is not the beginning of the present one', place)
  }
  return false
}

/** Hashes of a file beyond the checkpoint with the byte at which each begins, and where its whole items end. */
function itemsOf(name: TileName, bytes: Buffer): { hashes: Hash[]; offsets: number[]; rest: number } {
  if (name.level !== 'entries') {
    const hashes = hashesOf(bytes)
    return { hashes, offsets: hashes.map((_, i) => i * HASH_BYTES), rest: hashes.length * HASH_BYTES }
  }
  const { bounds, rest } = boundsOf(bytes)
  const offsets = bounds.filter((_, i) => i % 2 === 0)
  return { hashes: offsets.map((start, i) => leafHash(bytes, start, bounds[2 * i + 1])), offsets, rest }
}

/**
 * A tile that an interrupted seal wrote. What of it is under the checkpoint must be what the checkpoint signs, and the rest must be
 * in a write-ahead log: those are kept until a checkpoint covers them. Cut short, it is what a crash leaves.
 */
function verifyLeftover(pass: FilesPass, path: string, name: TileName, bytes: Buffer): void {
  const { hashes, offsets, rest } = itemsOf(name, bytes)
  const level = name.level === 'entries' ? 0 : name.level
  const signed = Math.floor(pass.size / leavesPerHash(level)) - name.index * TILE_WIDTH
  const wrong = hashes.findIndex((hash, i) => {
    if (i >= name.width) return true
    if (i < signed) return hash !== pass.edge[level]?.[i]
    return level === 0 ? !pass.isInWal(hash) : hash !== rootBelow(pass, level, name.index * TILE_WIDTH + i)
  })
  if (wrong >= 0) {
    pass.findings.problem('this lies beyond the checkpoint, and no write-ahead log holds it', {
      file: path,
      offset: offsets[wrong] ?? 0,
    })
  } else if (hashes.length === name.width && rest !== bytes.length) {
    pass.findings.problem('there are bytes after the last item', { file: path, offset: rest })
  } else if (hashes.length < name.width) {
    pass.findings.warn(`${path}, byte ${rest}: cut short by an interrupted seal`)
  }
}

/** Root of the full tile under a hash; undefined where there is none. */
function rootBelow({ dir }: FilesPass, level: number, index: number): Hash | undefined {
  try {
    return rootOf(hashesOf(readFileSync(join(dir, tilePath({ level: level - 1, index, width: TILE_WIDTH })))))
  } catch {
    return undefined
  }
}
