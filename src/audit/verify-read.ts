// The files of a log as a verification reads them: ahead of their need, and what is wrong with one said once.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BundleFile, DamagedBundle, readBundleFile, readBundleFileSync } from './bundle-file.ts'
import { codeOf, nodeFiles } from './files.ts'
import type { Findings } from './findings.ts'
import { TILE_WIDTH, tilePath, widthAt } from './tiles.ts'

interface Place {
  readonly dir: string
  readonly size: number
  readonly findings: Findings
}

export function readIfThere(dir: string, path: string, findings: Findings): Buffer | undefined {
  try {
    return readFileSync(join(dir, path))
  } catch (error) {
    findings.problem(
      codeOf(error) === 'ENOENT' ? 'this file is missing' : `this file cannot be read: ${codeOf(error)}`,
      { file: path },
    )
    return undefined
  }
}

/** What was read before it was needed; what is missing here is read again, to say what is wrong with it. */
export interface Ahead {
  readonly tile?: Buffer | undefined
  readonly bundle?: BundleFile | undefined
}

/** The disk works while hashes are made: so many tiles ahead. */
const TILES_AHEAD = 16
const NOTHING_AHEAD: Ahead = {}

export function createReadAhead({ dir, size }: Place): (index: number) => Promise<Ahead> {
  // Of a small trail there is nothing to gain.
  if (size <= TILES_AHEAD * TILE_WIDTH) return () => Promise.resolve(NOTHING_AHEAD)
  const ahead = new Map<number, Promise<Ahead>>()
  const begin = async (index: number): Promise<Ahead> => {
    try {
      const width = widthAt(size, 0, index)
      const [tile, bundle] = await Promise.all([
        nodeFiles.read(join(dir, tilePath({ level: 0, index, width }))),
        readBundleFile(nodeFiles, dir, { level: 'entries', index, width }),
      ])
      return { tile, bundle }
    } catch {
      return NOTHING_AHEAD
    }
  }
  return (index) => {
    for (let next = index; next < index + TILES_AHEAD && next * TILE_WIDTH < size; next += 1)
      if (!ahead.has(next)) ahead.set(next, begin(next))
    const found = ahead.get(index) ?? Promise.resolve(NOTHING_AHEAD)
    ahead.delete(index)
    return found
  }
}

/** The bundle with its path, decompressed where it is old; undefined where it is missing or damaged, which is said. */
export function readBundle(pass: Place, index: number, width: number): BundleFile | undefined {
  const name = { level: 'entries', index, width } as const
  try {
    const found = readBundleFileSync(pass.dir, name)
    if (found !== undefined) return found
    pass.findings.problem('this file is missing', { file: tilePath(name) })
  } catch (error) {
    if (error instanceof DamagedBundle)
      pass.findings.problem('this compressed bundle was changed', { file: error.file })
    else pass.findings.problem(`this file cannot be read: ${codeOf(error)}`, { file: tilePath(name) })
  }
  return undefined
}
