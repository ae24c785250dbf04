// Pseudonyms by HMAC-SHA-256 (RFC 2104), and the key that they hang on.
import { createHash, createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Pseudonyms } from '../../ports/pseudonyms.ts'
import type { PseudonymKind } from '../../core/pseudonym.ts'
import { readOrMakeKeyFile } from './key-file.ts'

/** Plain data: it is handed to the workers by structured clone. */
export interface PseudonymKey {
  /** The first 6 characters of the key's SHA-256 in base64url: equal keys have equal ids, and the id tells nothing of the key. */
  readonly id: string
  readonly secret: Uint8Array
}

const SECRET_BYTES = 32
const NAME_BYTES = 16
/** Longer values (paths that no route matched) are seldom seen twice, and memory for them is not bounded by a count. */
const CACHED_LENGTH_MAX = 128
const CACHE_ENTRIES = 10_000

/** Throws a TypeError where the secret is not 32 bytes long. */
export function createPseudonymKey(secret: Uint8Array): PseudonymKey {
  if (secret.length !== SECRET_BYTES)
    throw new TypeError(`a pseudonym key has ${SECRET_BYTES} bytes, not ${secret.length}`)
  return { id: createHash('sha256').update(secret).digest('base64url').slice(0, 6), secret }
}

/** By which detectors of people hash: the same over a fleet, and nobody outside can aim at a cell. */
export function peopleSeedOf({ secret }: PseudonymKey): number {
  return createHmac('sha256', secret).update('people-seed\0').digest().readInt32LE()
}

/** A key with the day from which on people are named by it, epoch milliseconds; the first one has no day, and is from ever. */
export interface DatedPseudonymKey extends PseudonymKey {
  readonly from: number
}

const LINE = /^([A-Za-z0-9_-]{43})(?: (\d{4}-\d{2}-\d{2}))?$/

/** A line a key: 32 bytes as base64url, and but for the first the day (UTC) from which on it counts. Throws an Error that never repeats a key. */
export function parsePseudonymRing(text: string): readonly DatedPseudonymKey[] {
  const keys: DatedPseudonymKey[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const [, encoded = '', day] = LINE.exec(line.trim()) ?? []
    const secret = Buffer.from(encoded, 'base64url')
    const from = day === undefined ? 0 : Date.parse(day)
    const isKey = secret.length === SECRET_BYTES && secret.toString('base64url') === encoded
    if (!isKey) throw new Error(`line ${index + 1}: a pseudonym key is 32 bytes as base64url, 43 characters`)
    if (Number.isNaN(from) || (keys.length > 0 && day === undefined))
      throw new Error(`line ${index + 1}: behind the key stands the day from which on it counts, as in 2027-01-01`)
    keys.push({ ...createPseudonymKey(new Uint8Array(secret)), from })
  }
  if (keys.length === 0) throw new Error('a pseudonym key is 32 bytes as base64url, 43 characters')
  if (new Set(keys.map(({ id }) => id)).size < keys.length) throw new Error('one key stands in it twice')
  return keys
}

/** One more line of such a file: a new key. */
export function newPseudonymLine(day: string): string {
  return `${randomBytes(SECRET_BYTES).toString('base64url')} ${day}\n`
}

/**
 * All keys of the file; one with a random key is made with mode 0600 where there is no file. Throws an Error that names the file and what is
 * wrong with it, never what it holds.
 */
export function loadPseudonymRing(file: string): readonly DatedPseudonymKey[] {
  const text = readOrMakeKeyFile(file, () => `${randomBytes(SECRET_BYTES).toString('base64url')}\n`)
  try {
    return parsePseudonymRing(text)
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** People: composed and decomposed letters, and digits of either width, are one person (docs/decisions/0016). */
const FOLDED: ReadonlySet<PseudonymKind> = new Set<PseudonymKind>(['subject', 'principal'])
const NOT_ASCII = /[^\x00-\x7f]/

/**
 * `<key id>.<22 characters>`: 128 bits of HMAC-SHA-256 over `kind`, a zero byte and the value in UTF-8. Kinds hold no zero byte,
 * so no value of one kind can pass for another's. The last `entriesMax` short values of each kind are remembered, in memory alone.
 */
export function createPseudonyms(key: PseudonymKey, entriesMax = CACHE_ENTRIES): Pseudonyms {
  const secret = createSecretKey(key.secret)
  const prefix = `${key.id}.`
  /** By kind, so that no text has to be put together to be found. */
  const known = new Map<PseudonymKind, LRUCache<string, string>>()
  const knownOf = (kind: PseudonymKind): LRUCache<string, string> => {
    let cache = known.get(kind)
    if (cache === undefined) known.set(kind, (cache = new LRUCache({ max: entriesMax })))
    return cache
  }
  const name = (message: string): string => {
    const digest = createHmac('sha256', secret).update(message, 'utf8').digest()
    return prefix + digest.toString('base64url', 0, NAME_BYTES)
  }
  return {
    of: (kind: PseudonymKind, given: string) => {
      const value = FOLDED.has(kind) && NOT_ASCII.test(given) ? given.normalize('NFKC') : given
      if (value.length > CACHED_LENGTH_MAX) return name(`${kind}\0${value}`)
      const cache = knownOf(kind)
      const found = cache.get(value)
      if (found !== undefined) return found
      const made = name(`${kind}\0${value}`)
      cache.set(value, made)
      return made
    },
  }
}

/** A number that whoever has the key knows, and nobody else: gateways of a fleet hash alike by it. */
export function seedOf({ secret }: PseudonymKey, purpose: string): number {
  return createHmac('sha256', secret).update(`seed ${purpose}`).digest().readInt32BE(0)
}
