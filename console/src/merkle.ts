// RFC 6962's tree as C2SP tlog-tiles store it, computed here: whether a record is in the log that the gateway has signed.
import { ask } from './api.ts'

const WIDTH = 256
const HASH_BYTES = 32

interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array<ArrayBuffer>
  readonly isSigned: boolean
}

export type Proven =
  | { readonly outcome: 'proven'; readonly record: string; readonly checkpoint: Checkpoint }
  | { readonly outcome: 'beyond'; readonly size: number }
  | { readonly outcome: 'signature' | 'root' }
  | { readonly outcome: 'missing'; readonly detail: string }

class Missing extends Error {}

type Bytes = Uint8Array<ArrayBuffer>

/** Fetches the record, the tiles over it and the checkpoint, and computes what the gateway claims. Never rejects. */
export async function proveRecord(index: number, vkey: string): Promise<Proven> {
  try {
    const note = await ask<string>('audit/checkpoint')
    if (!note.ok) return { outcome: 'missing', detail: note.problem.detail }
    const checkpoint = await readCheckpoint(note.body, vkey)
    if (!checkpoint.isSigned) return { outcome: 'signature' }
    const { size, root } = checkpoint
    if (!(index >= 0 && index < size)) return { outcome: 'beyond', size }
    const tree = createTree(size)
    const entry = await readEntry(index, size)
    const computed = await rootOver(tree, index, await leafHash(entry))
    if (!isSame(computed, root)) return { outcome: 'root' }
    return { outcome: 'proven', record: new TextDecoder().decode(entry), checkpoint }
  } catch (error) {
    return { outcome: 'missing', detail: error instanceof Error ? error.message : String(error) }
  }
}

/** The signed note's text ends with the blank line before its signatures (c2sp.org/signed-note). */
async function readCheckpoint(note: string, vkey: string): Promise<Checkpoint> {
  const end = note.indexOf('\n\n') + 1
  const text = note.slice(0, end)
  const [origin = '', size = '', root = ''] = text.split('\n')
  const [name = '', , key = ''] = splitVkey(vkey)
  const keyBytes = fromBase64(key)
  const line = note
    .slice(end + 1)
    .split('\n')
    .find((each) => each.startsWith(`— ${name} `))
  const signature = fromBase64(line?.split(' ').at(-1) ?? '')
  // The first byte of the key is its kind, 1 for Ed25519; the first four of the signature are the key's hash.
  const isSigned =
    keyBytes[0] === 1 &&
    signature.length === 68 &&
    (await crypto.subtle.verify(
      'Ed25519',
      await crypto.subtle.importKey('raw', keyBytes.slice(1), 'Ed25519', false, ['verify']),
      signature.slice(4),
      new TextEncoder().encode(text),
    ))
  return { origin, size: Number(size), root: fromBase64(root), isSigned }
}

function splitVkey(vkey: string): readonly string[] {
  // A base64 key may hold a plus of its own.
  const [name = '', hash = '', ...key] = vkey.split('+')
  return [name, hash, key.join('+')]
}

function fromBase64(text: string): Bytes {
  try {
    return Uint8Array.from(atob(text), (each) => each.charCodeAt(0))
  } catch {
    return new Uint8Array()
  }
}

const pathOf = (level: number | 'entries', index: number, width: number): string => {
  const groups = String(index)
    .padStart(Math.ceil(String(index).length / 3) * 3, '0')
    .match(/\d{3}/g) ?? ['000']
  const name = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/')
  return `audit/tile/${level}/${name}${width < WIDTH ? `.p/${width}` : ''}`
}

const widthAt = (size: number, level: number, index: number): number =>
  Math.min(WIDTH, Math.floor(size / WIDTH ** level) - index * WIDTH)

async function readTile(path: string): Promise<Bytes> {
  const answer = await ask<Bytes>(path)
  if (!answer.ok) throw new Missing(answer.problem.detail)
  return answer.body
}

async function readEntry(index: number, size: number): Promise<Bytes> {
  const tile = Math.floor(index / WIDTH)
  const bundle = await readTile(pathOf('entries', tile, widthAt(size, 0, tile)))
  const view = new DataView(bundle.buffer)
  let at = 0
  for (let skip = index % WIDTH; skip > 0; skip--) at += 2 + view.getUint16(at)
  return bundle.slice(at + 2, at + 2 + view.getUint16(at))
}

interface Tree {
  readonly size: number
  /** Hash of the perfect subtree of 2^level leaves that begins at index · 2^level. */
  node(level: number, index: number): Promise<Bytes>
}

function createTree(size: number): Tree {
  const tiles = new Map<string, Promise<Bytes>>()
  const tileOf = (level: number, index: number): Promise<Bytes> => {
    const path = pathOf(level, index, widthAt(size, level, index))
    const found = tiles.get(path) ?? readTile(path)
    tiles.set(path, found)
    return found
  }
  return {
    size,
    async node(level, index) {
      const tileLevel = Math.floor(level / 8)
      const count = 2 ** (level % 8)
      const first = index * count
      const tile = await tileOf(tileLevel, Math.floor(first / WIDTH))
      let hashes = Array.from({ length: count }, (_, at) => {
        const from = ((first % WIDTH) + at) * HASH_BYTES
        return tile.slice(from, from + HASH_BYTES)
      })
      while (hashes.length > 1) {
        const pairs: Promise<Bytes>[] = []
        for (let at = 0; at < hashes.length; at += 2)
          pairs.push(nodeHash(hashes[at] ?? new Uint8Array(), hashes[at + 1] ?? new Uint8Array()))
        hashes = await Promise.all(pairs)
      }
      return hashes[0] ?? new Uint8Array()
    },
  }
}

/** RFC 6962, 2.1: split at the largest power of two below. */
function splitOf(count: number): number {
  return 2 ** Math.ceil(Math.log2(count) - 1)
}

async function rangeHash(tree: Tree, from: number, count: number): Promise<Bytes> {
  const level = Math.log2(count)
  if (Number.isInteger(level)) return tree.node(level, from / count)
  const left = splitOf(count)
  return nodeHash(await rangeHash(tree, from, left), await rangeHash(tree, from + left, count - left))
}

async function rootOver(tree: Tree, index: number, leaf: Bytes): Promise<Bytes> {
  const walk = async (from: number, count: number): Promise<Bytes> => {
    if (count === 1) return leaf
    const left = splitOf(count)
    return index < from + left
      ? nodeHash(await walk(from, left), await rangeHash(tree, from + left, count - left))
      : nodeHash(await rangeHash(tree, from, left), await walk(from + left, count - left))
  }
  return walk(0, tree.size)
}

async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}

function leafHash(entry: Bytes): Promise<Bytes> {
  return sha256(new Uint8Array([0, ...entry]))
}

function nodeHash(left: Bytes, right: Bytes): Promise<Bytes> {
  return sha256(new Uint8Array([1, ...left, ...right]))
}

function isSame(a: Bytes, b: Bytes): boolean {
  return a.length === HASH_BYTES && a.length === b.length && a.every((byte, at) => byte === b[at])
}
