// The files of a log as a verification reads them: what is wrong with one said once.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BundleFile, DamagedBundle, NodeTooOld, readBundleFileSync } from './bundle-file.ts'
import { codeOf } from './files.ts'
import type { Findings } from './findings.ts'
import { tilePath } from './tiles.ts'

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

/** The bundle with its path, decompressed where it is old; undefined where it is missing or damaged, which is said. Throws a NodeTooOld. */
export function readBundle(pass: Place, index: number, width: number): BundleFile | undefined {
  const name = { level: 'entries', index, width } as const
  try {
    const found = readBundleFileSync(pass.dir, name)
    if (found !== undefined) return found
    pass.findings.problem('this file is missing', { file: tilePath(name) })
  } catch (error) {
    if (error instanceof NodeTooOld) throw error
    if (error instanceof DamagedBundle)
      pass.findings.problem('this compressed bundle was changed', { file: error.file })
    else pass.findings.problem(`this file cannot be read: ${codeOf(error)}`, { file: tilePath(name) })
  }
  return undefined
}
