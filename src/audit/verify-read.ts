// The files of a log as a verification reads them: what is wrong with one said once.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BundleFile, DamagedBundle, NodeTooOld } from './bundle-file.ts'
import { codeOf } from './files.ts'
import type { Findings } from './findings.ts'
import { readTileSync } from './tile-reader.ts'
import { type TileName, tilePath } from './tiles.ts'

interface Place {
  readonly dir: string
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

/**
 * A tile or a bundle (decompressed where it is old) with its path, as wide as it is asked for: of a trail that grows meanwhile it is
 * the beginning of a wider one. Undefined where it is missing or damaged, which is said. Throws a NodeTooOld.
 */
export function readTileFile({ dir, findings }: Place, name: TileName): BundleFile | undefined {
  try {
    const found = readTileSync(dir, name)
    if (found !== undefined) return found
    findings.problem('this file is missing', { file: tilePath(name) })
  } catch (error) {
    if (error instanceof NodeTooOld) throw error
    if (error instanceof DamagedBundle) findings.problem('this compressed bundle was changed', { file: error.file })
    else findings.problem(`this file cannot be read: ${codeOf(error)}`, { file: tilePath(name) })
  }
  return undefined
}
