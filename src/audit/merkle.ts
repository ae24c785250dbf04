// Merkle tree hashing and proofs of RFC 6962, section 2.1 (RFC 9162 is the same for SHA-256). Pure: no files.
import { hash as digest } from 'node:crypto'

/** A SHA-256 hash as 32 latin1 characters: it compares with `===`, serves as a key, and costs a third of a Buffer to make. */
export type Hash = string

/** A perfect subtree's hash: `level` is its height (0 = leaf), `index` counts from the left. */
export type NodeReader = (level: number, index: number) => Hash

const HASH_BYTES = 32
/** A length prefix of 16 bits bounds an entry (C2SP tlog-tiles). */
const ENTRY_BYTES_MAX = 65_535
const leaf = Buffer.alloc(1 + ENTRY_BYTES_MAX)
const node = Buffer.alloc(1 + 2 * HASH_BYTES)
node[0] = 1
const nodeInput = node.subarray()

/** SHA-256 of the bytes. */
export function sha256(bytes: Uint8Array): Hash {
  return digest('sha256', bytes, 'latin1')
}

export const emptyRoot: Hash = sha256(Buffer.alloc(0))

/** `SHA-256(0x00 || entry)`; `start` and `end` cut the entry out of a larger buffer. Entries are at most 65,535 bytes. */
export function leafHash(bytes: Uint8Array, start = 0, end = bytes.length): Hash {
  if (end - start > ENTRY_BYTES_MAX)
    throw new RangeError(`an entry has at most ${ENTRY_BYTES_MAX} bytes, this one ${end - start}`)
  leaf.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), 1)
  return digest('sha256', leaf.subarray(0, 1 + end - start), 'latin1')
}

/** `SHA-256(0x01 || left || right)`. */
export function nodeHash(left: Hash, right: Hash): Hash {
  node.write(left, 1, 'latin1')
  node.write(right, 1 + HASH_BYTES, 'latin1')
  return digest('sha256', nodeInput, 'latin1')
}

/**
 * Root over hashes of equal subtrees, of which the last may be smaller. Pairing level by level and lifting an odd one is
 * the same tree as the RFC's split at the largest power of two.
 */
export function rootOf(hashes: readonly Hash[]): Hash {
  if (hashes.length === 0) return emptyRoot
  let level: readonly Hash[] = hashes
  while (level.length > 1) {
    const next: Hash[] = []
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i] ?? ''
      const right = level[i + 1]
      next.push(right === undefined ? left : nodeHash(left, right))
    }
    level = next
  }
  return level[0] ?? emptyRoot
}

/** Largest power of two below n, for n > 1. Sizes exceed 32 bits, hence no bit operators in this file. */
function splitOf(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** Hash of the leaves from `low` up to `high`, put together from perfect subtrees. */
function rangeHash(read: NodeReader, low: number, high: number): Hash {
  const size = high - low
  if (size === 0) return emptyRoot
  if (Number.isInteger(Math.log2(size)) && low % size === 0) return read(Math.log2(size), low / size)
  const split = splitOf(size)
  return nodeHash(rangeHash(read, low, low + split), rangeHash(read, low + split, high))
}

/** The proof that the leaf `index` is in the tree of `size` leaves (RFC 6962, 2.1.1). Throws a RangeError where it is not. */
export function createInclusionProof(read: NodeReader, index: number, size: number): Hash[] {
  if (!isSize(index) || !isSize(size) || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`)
  const path = (low: number, high: number): Hash[] => {
    if (high - low <= 1) return []
    const middle = low + splitOf(high - low)
    return index < middle
      ? [...path(low, middle), rangeHash(read, middle, high)]
      : [...path(middle, high), rangeHash(read, low, middle)]
  }
  return path(0, size)
}

/** The proof that the tree of `from` leaves is the beginning of the tree of `to` leaves (RFC 6962, 2.1.2). */
export function createConsistencyProof(read: NodeReader, from: number, to: number): Hash[] {
  if (!isSize(from) || !isSize(to) || from > to) throw new RangeError(`no tree of ${from} inside a tree of ${to}`)
  if (from === 0 || from === to) return []
  const path = (low: number, high: number, known: boolean): Hash[] => {
    if (from === high) return known ? [] : [rangeHash(read, low, high)]
    const middle = low + splitOf(high - low)
    return from <= middle
      ? [...path(low, middle, known), rangeHash(read, middle, high)]
      : [...path(middle, high, false), rangeHash(read, low, middle)]
  }
  return path(0, to, true)
}

function isSize(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0
}

function areHashes(...hashes: readonly Hash[]): boolean {
  return hashes.every((hash) => hash.length === HASH_BYTES)
}

interface Inclusion {
  readonly index: number
  readonly size: number
  readonly leaf: Hash
  readonly root: Hash
  readonly proof: readonly Hash[]
}

/** Whether the proof shows the leaf at `index` of the tree of `size` leaves with that root (RFC 9162, 2.1.3.2). Never throws. */
export function isIncluded({ index, size, leaf, root, proof }: Inclusion): boolean {
  if (!isSize(index) || !isSize(size) || index >= size || !areHashes(leaf, root, ...proof)) return false
  let fn = index
  let sn = size - 1
  let r = leaf
  for (const p of proof) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r)
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2
        sn = Math.floor(sn / 2)
      }
    } else {
      r = nodeHash(r, p)
    }
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && r === root
}

interface Consistency {
  readonly size1: number
  readonly size2: number
  readonly root1: Hash
  readonly root2: Hash
  readonly proof: readonly Hash[]
}

/** Whether the proof shows that the first tree is the beginning of the second (RFC 9162, 2.1.4.2). Never throws. */
export function isConsistent({ size1, size2, root1, root2, proof }: Consistency): boolean {
  if (!isSize(size1) || !isSize(size2) || size1 > size2) return false
  if (size1 === size2) return proof.length === 0 && root1 === root2 && (size1 > 0 || root1 === emptyRoot)
  if (!areHashes(root1, root2, ...proof)) return false
  if (size1 === 0) return proof.length === 0 && root1 === emptyRoot
  const path = Number.isInteger(Math.log2(size1)) ? [root1, ...proof] : proof
  const [seed, ...rest] = path
  if (seed === undefined || proof.length === 0) return false
  return climb(size1 - 1, size2 - 1, seed, rest, { root1, root2 })
}

function climb(
  first: number,
  second: number,
  seed: Hash,
  path: readonly Hash[],
  roots: { root1: Hash; root2: Hash },
): boolean {
  let fn = first
  let sn = second
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  let fr = seed
  let sr = seed
  for (const c of path) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(c, fr)
      sr = nodeHash(c, sr)
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2
        sn = Math.floor(sn / 2)
      }
    } else {
      sr = nodeHash(sr, c)
    }
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && fr === roots.root1 && sr === roots.root2
}
