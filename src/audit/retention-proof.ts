// What retention has left and deleted, with the two things that show it: a signed statement, and a proof of the oldest record.
import { join } from 'node:path'
import { type Files, messageOf, nodeFiles } from './files.ts'
import { readEntry, timeOf } from './locate.ts'
import { leafHash } from './merkle.ts'
import { MINIMUM_INDEX_FILE, type MinimumIndex, openMinimumIndex } from './minimum-index.ts'
import { parseVkey, type Vkey } from './note.ts'
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
  const statement = await readStatement(dir, key, files, problems)
  const minimum = statement?.index ?? 0
  const oldest = minimum >= size ? undefined : await proveOldest(dir, minimum, key, files, problems)
  if (statement !== undefined && oldest !== undefined && oldest < statement.before - DAY_MS)
    problems.push('the oldest entry that is left is older than what is said to be deleted')
  return {
    ...{ minimum, size, problems },
    ...(oldest === undefined ? {} : { oldest }),
    ...(statement === undefined ? {} : { deleted: { before: statement.before, at: statement.at } }),
  }
}

/** The statement, also where its signature does not hold, which is a problem. */
async function readStatement(
  dir: string,
  key: Vkey | undefined,
  files: Files,
  problems: string[],
): Promise<MinimumIndex | undefined> {
  const text = (await files.read(join(dir, MINIMUM_INDEX_FILE)))?.toString()
  if (text === undefined) return undefined
  const statement = openMinimumIndex(text, key)
  if (!('problem' in statement)) return statement
  problems.push(`the statement of what was deleted does not hold: ${statement.problem}`)
  const claimed = openMinimumIndex(text, undefined)
  return 'problem' in claimed ? undefined : claimed
}

/** The time of the oldest entry, which must be provable. */
async function proveOldest(
  dir: string,
  index: number,
  key: Vkey | undefined,
  files: Files,
  problems: string[],
): Promise<number | undefined> {
  try {
    const entry = await readEntry(dir, index, files)
    const proven = key && checkProof(await createProof(dir, index, files), leafHash(entry), key)
    if (proven !== undefined && 'problem' in proven) problems.push(proven.problem)
    return timeOf(entry)
  } catch (error) {
    problems.push(messageOf(error))
    return undefined
  }
}

/** Records are nearly in the order of their time: a long exchange's decision stands behind younger ones. */
const DAY_MS = 86_400_000
