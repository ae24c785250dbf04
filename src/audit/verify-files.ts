// Every file of the directory has a reason to be there: nothing may hide beside what is verified.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decompressBundle, parseCompressedPath } from './bundle-file.ts'
import { codeOf } from './files.ts'
import { Findings } from './findings.ts'
import { type Hash, leafHash, rootOf } from './merkle.ts'
import { MINIMUM_INDEX_FILE } from './minimum-index.ts'
import { readTileSync } from './tile-reader.ts'
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
  /** Tiles before it are deleted, or about to be. */
  readonly minimum: number
  readonly findings: Findings
  /** The last, partial tile of each level, as derived. */
  readonly edge: readonly (readonly Hash[])[]
  readonly standing: Standing
  /** Of a copy the same; of a trail at work what stands after all files were seen. Asked where some have no reason to be there. */
  readonly lookAgain: () => Promise<Standing>
  /** What may stand in a file that was being replaced, and was not finished. */
  readonly isNote: (text: string) => boolean
}

/** What files beyond the checkpoint are judged by. */
export interface Standing {
  /** Entries under the checkpoint. */
  readonly size: number
  /** Something waits to be sealed, or did: only then can there be a seal that was interrupted, or is under way. */
  readonly isSealing: boolean
  /** Whether a write-ahead log holds an entry with this hash. */
  readonly isInWal: (leaf: Hash) => boolean
}

/** In a name: it is no UTF-8, and the path with this in it leads nowhere, so that what lies behind would pass for gone. */
const REPLACEMENT = '\ufffd'

/** Paths of everything below the directory that is no directory, in no particular order. */
function* walk(dir: string, below = ''): Generator<{ path: string; isFile: boolean }> {
  for (const entry of unlessGone(() => readdirSync(join(dir, below), { withFileTypes: true })) ?? []) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory() && !entry.name.includes(REPLACEMENT)) yield* walk(dir, path)
    else yield { path, isFile: entry.isFile() }
  }
}

/** Looks at each file: the expected ones were verified already, all others are judged here. */
export async function verifyFiles(pass: FilesPass): Promise<void> {
  const beyond: string[] = []
  let old = 0
  for (const { path, isFile } of walk(pass.dir)) {
    const kind = unlessGone(() => verifyFile(pass, path, isFile))
    if (kind === 'beyond') beyond.push(path)
    if (kind === 'old') old += 1
  }
  if (old > 0)
    pass.findings.warn(
      `${old} files that an interrupted retention or compression has left, and that are what they were`,
    )
  if (beyond.length > 0) await verifyBeyond(pass, beyond)
}

async function verifyBeyond(pass: FilesPass, paths: readonly string[]): Promise<void> {
  let judged = judgeBeyond(pass, pass.standing, paths)
  if (judged.problems.length > 0) judged = judgeBeyond(pass, await pass.lookAgain(), paths)
  pass.findings.append(judged)
  for (const warning of judged.warnings) pass.findings.warn(warning)
}

function judgeBeyond(pass: FilesPass, standing: Standing, paths: readonly string[]): Findings {
  const findings = new Findings()
  let leftovers = 0
  for (const path of paths) {
    const name = parseTilePath(path)
    if (name === undefined || name.width <= widthAt(standing.size, name.level, name.index)) continue
    if (!standing.isSealing) findings.problem('this lies beyond the checkpoint', { file: path })
    else if (unlessGone(() => verifyLeftover({ ...pass, findings }, standing, path, name)) === true) leftovers += 1
  }
  const came = standing.size - pass.size
  if (came > 0)
    findings.warn(`${came} entries have come meanwhile, under a later checkpoint: another run verifies them`)
  if (leftovers > 0)
    findings.warn(
      `${leftovers} tiles beyond the checkpoint: a seal was interrupted, and the next one writes them again`,
    )
  return findings
}

type Kind = 'beyond' | 'old' | undefined

function verifyFile(pass: FilesPass, path: string, isFile: boolean): Kind {
  const name = parseTilePath(path)
  const packed = parseCompressedPath(path)
  if (!isFile) pass.findings.problem('this is no regular file', { file: path })
  else if (packed !== undefined) return verifyPacked(pass, path, packed)
  else if (name !== undefined && isDeleted(pass, name)) return verifyDeleted(pass, path, name)
  else if (name !== undefined) return verifyTileFile(pass, path, name)
  else if (path.endsWith('.tmp')) verifyUnfinished(pass, path)
  else if (!isExpected(path)) pass.findings.problem('this file does not belong to the trail', { file: path })
  return undefined
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
  if (path === 'checkpoint' || path === 'vkey' || path === MINIMUM_INDEX_FILE) return true
  return path.startsWith('wal/') && parseSegmentFile(path.slice(4)) !== undefined
}

/** A checkpoint or key that was being written: cut short, it is nothing; whole, it must be a true one. */
function verifyUnfinished({ dir, findings, isNote }: FilesPass, path: string): void {
  const isKnown = ['checkpoint.tmp', 'vkey.tmp', `${MINIMUM_INDEX_FILE}.tmp`].includes(path)
  const text = isKnown ? readFileSync(join(dir, path), 'utf8') : undefined
  if (text !== undefined && (!text.endsWith('\n') || isNote(text)))
    findings.warn(`${path}: left by an interrupted write`)
  else findings.problem('this file does not belong to the trail', { file: path })
}

function isDeleted({ minimum }: FilesPass, { level, index }: TileName): boolean {
  return (level === 0 || level === 'entries') && index * TILE_WIDTH < minimum
}

/** A tile that retention has not come to delete yet: the tile above it must still stand for it. */
function verifyDeleted(pass: FilesPass, path: string, name: TileName, unpacked?: Buffer): Kind {
  const bytes = unpacked ?? readFileSync(join(pass.dir, path))
  const { hashes, rest } = itemsOf(name, bytes)
  const above = Math.floor(name.index / TILE_WIDTH)
  const tile = readTileSync(pass.dir, { level: 1, index: above, width: widthAt(pass.size, 1, above) })
  const isWhole = hashes.length === TILE_WIDTH && rest === bytes.length
  if (tile === undefined) return undefined
  if (isWhole && rootOf(hashes) === hashesOf(tile.bytes)[name.index % TILE_WIDTH]) return 'old'
  pass.findings.problem('this was deleted by retention, and is not what stood here', { file: path })
  return undefined
}

/** A compressed bundle: it was verified in the place of the plain one, or stands beside it for a moment. */
function verifyPacked(pass: FilesPass, path: string, name: TileName): Kind {
  const bytes = decompressBundle(readFileSync(join(pass.dir, path)))
  const plain = join(pass.dir, tilePath(name))
  if (widthAt(pass.size, 'entries', name.index) !== TILE_WIDTH)
    pass.findings.problem('this lies beyond the checkpoint', { file: path })
  else if (isDeleted(pass, name) && bytes !== undefined) return verifyDeleted(pass, path, name, bytes)
  // Cut short it is what a crash leaves; whole, it must be the same.
  else if (existsSync(plain) && (bytes === undefined || bytes.equals(readFileSync(plain)))) return 'old'
  else if (existsSync(plain)) pass.findings.problem('this is not the bundle beside it', { file: path })
  else if (isDeleted(pass, name)) pass.findings.problem('this compressed bundle was changed', { file: path })
  return undefined
}

function verifyTileFile(pass: FilesPass, path: string, name: TileName): Kind {
  const width = widthAt(pass.size, name.level, name.index)
  if (name.width === width) return undefined
  if (name.width > width) return 'beyond'
  const bytes = readFileSync(join(pass.dir, path))
  // Where the present tile is missing that was said already, and this one cannot be judged.
  const current = readCurrent(pass.dir, { ...name, width })
  if (current === undefined) return undefined
  const length = name.level === 'entries' ? boundsOf(current).bounds[2 * name.width - 1] : name.width * HASH_BYTES
  const wrong = bytes.findIndex((byte, i) => byte !== current[i])
  if (wrong >= 0 || bytes.length !== length) {
    const place = { file: path, offset: wrong >= 0 ? wrong : Math.min(bytes.length, length ?? 0) }
    pass.findings.problem('this older partial tile is not the beginning of the present one', place)
  }
  return undefined
}

function readCurrent(dir: string, name: TileName): Buffer | undefined {
  try {
    return readTileSync(dir, name)?.bytes
  } catch {
    return undefined
  }
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
function verifyLeftover(pass: FilesPass, standing: Standing, path: string, name: TileName): true {
  const bytes = readFileSync(join(pass.dir, path))
  const { hashes, offsets, rest } = itemsOf(name, bytes)
  const level = name.level === 'entries' ? 0 : name.level
  const signedOf = (size: number): number => Math.floor(size / leavesPerHash(level)) - name.index * TILE_WIDTH
  const [signed, since] = [signedOf(pass.size), signedOf(standing.size)]
  const wrong = hashes.findIndex((hash, i) => {
    if (i >= name.width) return true
    if (i < signed) return hash !== pass.edge[level]?.[i]
    if (i < since) return false
    return level === 0 ? !standing.isInWal(hash) : hash !== rootBelow(pass, level, name.index * TILE_WIDTH + i)
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
  return true
}

/** Root of the full tile under a hash; undefined where there is none. */
function rootBelow({ dir }: FilesPass, level: number, index: number): Hash | undefined {
  try {
    return rootOf(hashesOf(readFileSync(join(dir, tilePath({ level: level - 1, index, width: TILE_WIDTH })))))
  } catch {
    return undefined
  }
}
