// What the commands that read a trail need of the machine beyond files: the index's engine, and pseudonyms of a key file.
import { userInfo } from 'node:os'
import type { PseudonymKind } from '../core/pseudonym.ts'
import { openTrailIndex } from '../adapters/duckdb/trail-index.ts'
import { createPseudonyms, loadPseudonymKey } from '../adapters/node/pseudonyms.ts'
import type { TrailIndex } from '../ports/trail-index.ts'

/** Rejects where the package of the engine is not installed. */
export function openIndex(dir: string): Promise<TrailIndex> {
  return openTrailIndex({ dir, threads: 2, memoryMegabytes: 1024 })
}

/** Throws an Error that names the file where it holds no key. */
export function pseudonymize(keyFile: string, kind: PseudonymKind, values: readonly string[]): readonly string[] {
  const pseudonyms = createPseudonyms(loadPseudonymKey(keyFile))
  return values.map((value) => pseudonyms.of(kind, value))
}

/** Who runs this, by the account's name. */
export function accountName(): string {
  return userInfo().username
}
