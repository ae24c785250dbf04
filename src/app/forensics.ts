// What the commands that read a trail need of the machine beyond files: the index's engine, and pseudonyms of a key file.
import { userInfo } from 'node:os'
import type { PseudonymKind } from '../core/pseudonym.ts'
import { openTrailIndex } from '../adapters/duckdb/trail-index.ts'
import {
  createPseudonyms,
  loadPseudonymRing,
  newPseudonymLine,
  parsePseudonymRing,
} from '../adapters/node/pseudonyms.ts'
import type { TrailIndex } from '../ports/trail-index.ts'

/** Rejects where the package of the engine is not installed. */
export function openIndex(dir: string): Promise<TrailIndex> {
  return openTrailIndex({ dir, threads: 2, memoryMegabytes: 1024 })
}

/** Throws an Error that names the file where it holds no key. */
export function pseudonymize(keyFile: string, kind: PseudonymKind, values: readonly string[]): readonly string[] {
  const all = loadPseudonymRing(keyFile).map((key) => createPseudonyms(key))
  return all.flatMap((pseudonyms) => values.map((value) => pseudonyms.of(kind, value)))
}

/** Ids of the keys in such a text, with the day from which on each counts. Throws an Error where it is none. */
export function readKeyRing(text: string): readonly { readonly id: string; readonly from: number }[] {
  return parsePseudonymRing(text).map(({ id, from }) => ({ id, from }))
}

export { newPseudonymLine }

/** Who runs this, by the account's name. */
export function accountName(): string {
  return userInfo().username
}
