// An entry bundle as a file: as C2SP has it, or, once it is old, compressed beside where that would stand.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { codeOf, type Files } from './files.ts'
import { sha256 } from './merkle.ts'
import { parseTilePath, TILE_WIDTH, tilePath, type TileName } from './tiles.ts'

/** RFC 8878, 3.1.2: a frame that decompressors skip; ours holds the SHA-256 of all bytes before it. */
const SKIPPABLE = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 32, 0, 0, 0])
const SEAL_BYTES = SKIPPABLE.length + 32
/** 256 entries of 65,535 bytes, and their lengths. */
const BUNDLE_BYTES_MAX = TILE_WIDTH * 65_537
const SUFFIX = '.zst'

export function compressedPath(index: number): string {
  return `${tilePath({ level: 'entries', index, width: TILE_WIDTH })}${SUFFIX}`
}

/** Whose file it is; undefined where it is no compressed bundle. Only full ones are ever compressed. */
export function parseCompressedPath(path: string): TileName | undefined {
  const name = path.endsWith(SUFFIX) ? parseTilePath(path.slice(0, -SUFFIX.length)) : undefined
  return name?.level === 'entries' && name.width === TILE_WIDTH ? name : undefined
}

/**
 * `zstd -d` reads it too. At its fastest level: pseudonyms do not compress, and the rest comes out no smaller at a higher one. The
 * checksum makes each changed byte visible, also one that decompresses to the same.
 */
export function compressBundle(bytes: Buffer): Buffer {
  const frame = zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
  return Buffer.concat([frame, SKIPPABLE, Buffer.from(sha256(frame), 'latin1')])
}

/** Undefined where a byte of it was changed. Throws a NodeTooOld where that is all that can be told. */
export function decompressBundle(bytes: Buffer): Buffer | undefined {
  const frame = bytes.subarray(0, Math.max(0, bytes.length - SEAL_BYTES))
  const seal = bytes.subarray(frame.length)
  if (!seal.subarray(0, SKIPPABLE.length).equals(SKIPPABLE)) return undefined
  if (seal.toString('latin1', SKIPPABLE.length) !== sha256(frame)) return undefined
  if ((zstdDecompressSync as unknown) === undefined) throw new NodeTooOld()
  try {
    return zstdDecompressSync(frame, { maxOutputLength: BUNDLE_BYTES_MAX })
  } catch {
    return undefined
  }
}

/** The verifier as one file runs with Nodes that are older than this project's: such a trail is not called damaged by them. */
export class NodeTooOld extends Error {
  constructor() {
    super(
      `this trail has compressed entries (zstd), which Node ${process.version} cannot read: take 22.15 or newer. Nothing was found wrong, and nothing was verified.`,
    )
  }
}

export class DamagedBundle extends Error {
  readonly file: string

  constructor(file: string) {
    super(`${file} is damaged`)
    this.file = file
  }
}

export interface BundleFile {
  readonly file: string
  readonly bytes: Buffer
}

/** The bundle with its path; undefined where there is none. Throws a DamagedBundle. */
export async function readBundleFile(files: Files, dir: string, name: TileName): Promise<BundleFile | undefined> {
  const file = tilePath(name)
  const plain = await files.read(join(dir, file))
  if (plain !== undefined) return { file, bytes: plain }
  if (name.width !== TILE_WIDTH) return undefined
  return unpack(compressedPath(name.index), await files.read(join(dir, compressedPath(name.index))))
}

/** The same, at once. */
export function readBundleFileSync(dir: string, name: TileName): BundleFile | undefined {
  const file = tilePath(name)
  const plain = readUnlessAbsent(join(dir, file))
  if (plain !== undefined) return { file, bytes: plain }
  if (name.width !== TILE_WIDTH) return undefined
  return unpack(compressedPath(name.index), readUnlessAbsent(join(dir, compressedPath(name.index))))
}

/** Undefined where there is no such file. */
export function readUnlessAbsent(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function unpack(file: string, packed: Buffer | undefined): BundleFile | undefined {
  if (packed === undefined) return undefined
  const bytes = decompressBundle(packed)
  if (bytes === undefined) throw new DamagedBundle(file)
  return { file, bytes }
}
