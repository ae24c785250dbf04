// Notices that files of the sealed trail were deleted, renamed or replaced while the gateway runs. What is inside of them is the
// verifier's work; here a directory's time of change tells, so that a look costs a stat for each thousand files.
import { dirname, join } from 'node:path'
import type { Files } from './files.ts'
import { leavesPerHash, TILE_WIDTH, type TileName, tilePath } from './tiles.ts'

/** Tiles of one level in one directory. */
const TILES_A_DIRECTORY = 1000
/** Directories that one look stats, beside the newest; more are looked at in turn. */
const LOOKS_MAX = 256

interface Directory {
  readonly path: string
  readonly level: TileName['level']
  /** Index of the first tile that may lie in it. */
  readonly first: number
}

interface Known {
  readonly directory: Directory
  readonly identity: string
  readonly contentNs: bigint
  readonly atMs: number
}

export interface TreeWatchOptions {
  readonly files: Files
  readonly dir: string
  /** Epoch milliseconds. */
  readonly now: () => number
}

export class TreeWatch {
  readonly #options: TreeWatchOptions
  readonly #known = new Map<string, Known>()
  #size = 0
  #next = 0

  constructor(options: TreeWatchOptions) {
    this.#options = options
  }

  /**
   * After each seal, and at first: what lies there now is ours. Returns what is missing in the directories that the seal has
   * written to.
   */
  async remember(size: number): Promise<string | undefined> {
    const from = this.#known.size === 0 ? 0 : this.#size
    this.#size = size
    for (const directory of directoriesBetween(from, size)) {
      const missing = await this.#findMissing(directory)
      if (missing !== undefined) return missing
      await this.#keep(directory)
    }
    return undefined
  }

  /** Before a seal. Returns what somebody else has changed since the last look. */
  async check(): Promise<string | undefined> {
    const all = [...this.#known.values()]
    const looks = all.length <= LOOKS_MAX ? all : [...all.slice(this.#next, this.#next + LOOKS_MAX), ...all.slice(-8)]
    this.#next = this.#next + LOOKS_MAX >= all.length ? 0 : this.#next + LOOKS_MAX
    for (const known of looks) {
      const { directory } = known
      const found = await this.#options.files.changes(join(this.#options.dir, directory.path))
      if (found?.identity === known.identity && found.contentNs === known.contentNs) continue
      const problem = found === undefined ? await this.#judgeGone(directory) : await this.#judge(known, found.identity)
      if (problem !== undefined) return problem
      if (found === undefined) this.#known.delete(directory.path)
      else await this.#keep(directory)
    }
    return undefined
  }

  async #keep(directory: Directory): Promise<void> {
    const { files, dir, now } = this.#options
    const atMs = now()
    const found = await files.changes(join(dir, directory.path))
    if (found !== undefined) this.#known.set(directory.path, { directory, atMs, ...found })
  }

  /** Something was made or removed there: harmless where all of ours are there and none is younger than our last look. */
  async #judge({ directory, identity, atMs }: Known, now: string): Promise<string | undefined> {
    if (identity !== now) return `${directory.path} was replaced`
    const missing = await this.#findMissing(directory)
    if (missing !== undefined) return missing
    for (const name of namesIn(directory, this.#size)) {
      const path = join(directory.path, name)
      const found = await this.#options.files.changes(join(this.#options.dir, path))
      if (found !== undefined && !name.endsWith('.p') && found.anythingNs > BigInt(Math.ceil(atMs)) * 1_000_000n)
        return `${path} was replaced or changed`
    }
    return undefined
  }

  /** A directory goes with the last of its tiles, where retention has deleted all of them. */
  async #judgeGone(directory: Directory): Promise<string | undefined> {
    const names = namesIn(directory, this.#size, await this.#readMinimum())
    return names.length === 0 ? undefined : `${directory.path} was deleted`
  }

  async #findMissing(directory: Directory): Promise<string | undefined> {
    const there = new Set(await this.#options.files.list(join(this.#options.dir, directory.path)))
    // Retention may have put a compressed one in a bundle's place.
    for (const name of [...there]) if (!name.endsWith('.p')) there.add(name.replace(/\..*$/, ''))
    const minimum = await this.#readMinimum()
    const missing = namesIn(directory, this.#size, minimum).find((name) => !there.has(name))
    return missing === undefined ? undefined : `${directory.path}/${missing} was deleted or renamed`
  }

  /** The first entry that retention has left. Whether it is signed is the verifier's business: here a file more or less is told. */
  async #readMinimum(): Promise<number> {
    const text = (await this.#options.files.read(join(this.#options.dir, 'minimum-index')))?.toString() ?? ''
    return Number(/^portcullis minimum index v1\n.*\n(\d{1,15})\n/.exec(text)?.[1] ?? 0)
  }
}

const LEVELS = ['entries', 0, 1, 2, 3, 4, 5] as const

/** Hashes (or entries) of a level. */
function hashesAt(size: number, level: TileName['level']): number {
  return Math.floor(size / leavesPerHash(level))
}

/** The directories in which tiles of a log lie that has grown from one size to another. */
function* directoriesBetween(from: number, to: number): Generator<Directory> {
  for (const level of LEVELS) {
    const last = Math.floor(Math.max(0, hashesAt(to, level) - 1) / TILE_WIDTH / TILES_A_DIRECTORY)
    if (hashesAt(to, level) === 0) continue
    for (let at = Math.floor(hashesAt(from, level) / TILE_WIDTH / TILES_A_DIRECTORY); at <= last; at += 1) {
      const first = at * TILES_A_DIRECTORY
      yield { path: dirname(tilePath({ level, index: first, width: TILE_WIDTH })), level, first }
    }
  }
}

/** What must lie in it: full tiles, and the directory of the partial one. */
function namesIn({ level, first }: Directory, size: number, minimum = 0): string[] {
  const hashes = hashesAt(size, level)
  const full = Math.min(Math.floor(hashes / TILE_WIDTH) - first, TILES_A_DIRECTORY)
  const gone = leavesPerHash(level) > 1 ? 0 : Math.min(TILES_A_DIRECTORY, Math.max(0, minimum / TILE_WIDTH - first))
  const names = Array.from({ length: Math.max(0, full - gone) }, (_, i) => String(gone + i).padStart(3, '0'))
  if (hashes % TILE_WIDTH !== 0 && full >= 0 && full < TILES_A_DIRECTORY)
    names.push(`${String(full).padStart(3, '0')}.p`)
  return names
}
