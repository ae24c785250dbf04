// A full tile that is as it should be, checked at one go: most of a verification is that. Whatever is not so plain is left to
// verify-log, which finds out what is wrong.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readBundleFileSync } from './bundle-file.ts'
import { type Hash, rootOf, sha256 } from './merkle.ts'
import { boundsOf, HASH_BYTES, TILE_WIDTH, tilePath } from './tiles.ts'

/** From where to where a writer's numbers go in a tile, each one more than the one before. */
export interface WriterRun {
  readonly worker: string
  readonly first: number
  last: number
}

export interface CheckedTile {
  /** The hash that stands for the tile one level up. */
  readonly root: Hash
  readonly runs: readonly WriterRun[]
}

/** Undefined where anything is not plainly right: a file is missing, a byte differs, a number is skipped. Never throws. */
export function checkTile(dir: string, index: number): CheckedTile | undefined {
  try {
    const tile = readFileSync(join(dir, tilePath({ level: 0, index, width: TILE_WIDTH })))
    const bundle = readBundleFileSync(dir, { level: 'entries', index, width: TILE_WIDTH })?.bytes
    return bundle === undefined ? undefined : check(tile, bundle)
  } catch {
    return undefined
  }
}

function check(tile: Buffer, bundle: Buffer): CheckedTile | undefined {
  const { bounds, rest } = boundsOf(bundle)
  if (bounds.length !== 2 * TILE_WIDTH || rest !== bundle.length || tile.length !== TILE_WIDTH * HASH_BYTES)
    return undefined
  const runs = new Runs(bundle)
  const leaves: Hash[] = []
  for (let i = 0; i < TILE_WIDTH; i += 1) {
    const start = bounds[2 * i] as number
    const end = bounds[2 * i + 1] as number
    if (!runs.take(start, end)) return undefined
    // The length before it has been read: its last byte is the prefix of a leaf from here on, so that nothing is copied.
    bundle[start - 1] = 0
    leaves.push(sha256(bundle.subarray(start - 1, end)))
  }
  if (leaves.join('') !== tile.toString('latin1')) return undefined
  return { root: rootOf(leaves), runs: runs.runs }
}

const HEAD = Buffer.from('{"time":')
const MONO = Buffer.from(',"mono":')
const SEQ = Buffer.from(',"seq":')
const WORKER = Buffer.from('"worker":"')
const QUOTE = 34
const BRACE = 123

/** The numbers of the records as this product's recorder writes them, read where they stand: no text is made of an entry. */
class Runs {
  readonly runs: WriterRun[] = []
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Returns whether the entry is one that this can read and follows the one before it. */
  take(start: number, end: number): boolean {
    // No record: nothing numbers it.
    if (this.#bytes[start] !== BRACE) return true
    this.#at = start
    if (!this.#skip(HEAD)) return false
    this.#number()
    if (this.#skip(MONO)) this.#number()
    if (!this.#skip(SEQ)) return false
    const seq = this.#number()
    const name = this.#find(WORKER, end)
    const stop = name < 0 ? -1 : this.#bytes.indexOf(QUOTE, name)
    if (seq < 0 || stop < 0 || stop >= end) return false
    return this.#follow(name, stop, seq)
  }

  #follow(name: number, stop: number, seq: number): boolean {
    for (const run of this.runs) {
      if (!this.#isAt(run.worker, name, stop)) continue
      if (seq !== run.last + 1) return false
      run.last = seq
      return true
    }
    this.runs.push({ worker: this.#bytes.toString('latin1', name, stop), first: seq, last: seq })
    return true
  }

  #isAt(worker: string, from: number, to: number): boolean {
    if (worker.length !== to - from) return false
    for (let i = 0; i < worker.length; i += 1) if (worker.charCodeAt(i) !== this.#bytes[from + i]) return false
    return true
  }

  #skip(word: Buffer): boolean {
    for (let i = 0; i < word.length; i += 1) if (this.#bytes[this.#at + i] !== word[i]) return false
    this.#at += word.length
    return true
  }

  /** -1 where there is none. */
  #number(): number {
    const from = this.#at
    let value = 0
    for (;;) {
      const digit = (this.#bytes[this.#at] ?? 0) - 48
      if (digit < 0 || digit > 9) return this.#at === from ? -1 : value
      value = value * 10 + digit
      this.#at += 1
    }
  }

  /** Where the value behind the word begins, or -1. The word's own quotes are escaped inside of a text, so it is a name. */
  #find(word: Buffer, end: number): number {
    const bytes = this.#bytes
    const [first, second] = word
    for (let at = this.#at; at + word.length <= end; at += 1) {
      if (bytes[at] !== first || bytes[at + 1] !== second) continue
      let i = 2
      while (i < word.length && bytes[at + i] === word[i]) i += 1
      if (i === word.length) return at + i
    }
    return -1
  }
}
