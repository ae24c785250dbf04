// What retention has left and deleted, with the two things that show it: a signed statement, and a proof of the oldest record.
import { join } from 'node:path'
import { type Files, nodeFiles } from './files.ts'
import { readEntry, timeOf } from './locate.ts'
import { leafHash } from './merkle.ts'
import { MINIMUM_INDEX_FILE, openMinimumIndex } from './minimum-index.ts'
import { parseVkey } from './note.ts'
import { checkProof, createProof, readCheckpoint } from './proof.ts'

export interface RetentionState {
  readonly minimum: number
  readonly size: number
  /** Time of the oldest record that is left, epoch milliseconds. */
  readonly oldest?: number
  /** Absent where nothing was. */
  readonly deleted?: { readonly before: number; readonly at: number }
  readonly problems: readonly string[]
}

/** Rejects where the trail has no checkpoint. */
export async function proveRetention(dir: string, vkeyText: string, files: Files = nodeFiles): Promise<RetentionState> {
  const problems: string[] = []
  const vkey = parseVkey(vkeyText.trim())
  if ('problem' in vkey) problems.push(`the key is no verification key: ${vkey.problem}`)
  const key = 'problem' in vkey ? undefined : vkey
  const { size } = await readCheckpoint(dir, files)
  const text = (await files.read(join(dir, MINIMUM_INDEX_FILE)))?.toString()
  let statement = text === undefined ? undefined : openMinimumIndex(text, key)
  if (statement !== undefined && 'problem' in statement) {
    problems.push(`the statement of what was deleted does not hold: ${statement.problem}`)
    statement = openMinimumIndex(text ?? '', undefined)
  }
  const deleted = statement === undefined || 'problem' in statement ? undefined : statement
  const minimum = deleted?.index ?? 0
  if (minimum >= size) return { minimum, size, problems }
  let oldest: number | undefined
  try {
    const entry = await readEntry(dir, minimum, files)
    oldest = timeOf(entry)
    const proof = key && checkProof(await createProof(dir, minimum, files), leafHash(entry), key)
    if (proof !== undefined && 'problem' in proof) problems.push(proof.problem)
    if (deleted !== undefined && oldest !== undefined && oldest < deleted.before - DAY_MS)
      problems.push('the oldest entry that is left is older than what is said to be deleted')
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error))
  }
  return {
    ...{ minimum, size, problems },
    ...(oldest === undefined ? {} : { oldest }),
    ...(deleted === undefined ? {} : { deleted: { before: deleted.before, at: deleted.at } }),
  }
}

/** Records are nearly in the order of their time: a long exchange's decision stands behind younger ones. */
const DAY_MS = 86_400_000
