// A trail against checkpoints of it that were kept elsewhere: whether it goes on from each of them.
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import type { Findings } from './findings.ts'
import { emptyRoot } from './merkle.ts'
import type { Vkey } from './note.ts'
import type { LogResult } from './verify-log.ts'

/** The checkpoints given that hold, the smallest first. */
export function readKept(
  texts: readonly string[],
  vkey: Vkey | undefined,
  signed: Checkpoint | undefined,
  findings: Findings,
): readonly Checkpoint[] {
  if (vkey === undefined) return []
  const all: Checkpoint[] = []
  for (const text of texts) {
    const kept = openCheckpoint(text, vkey)
    if ('problem' in kept) {
      findings.problem(`${named(texts)} does not hold: ${kept.problem}`)
      continue
    }
    all.push(kept)
    if (signed === undefined || kept.size <= signed.size) continue
    const what = `the trail has ${signed.size} entries, and ${named(texts)} has ${kept.size}: the trail was rolled back or cut short`
    findings.problem(what, { file: 'checkpoint' })
  }
  for (const [i, one] of all.entries()) {
    const other = all.slice(i + 1).find(({ size, root }) => size === one.size && root !== one.root)
    if (other !== undefined)
      findings.problem(`two checkpoints given are of ${one.size} entries and differ: the key has signed two histories`)
  }
  return all.sort((a, b) => a.size - b.size)
}

function named(texts: readonly string[]): string {
  return texts.length > 1 ? 'a checkpoint given' : 'the checkpoint given'
}

/** Whether the trail begins with what each kept checkpoint signs: shown by deriving its root, which is stronger than any proof. */
export function compare(
  kept: readonly Checkpoint[],
  given: readonly string[],
  signed: Checkpoint | undefined,
  log: LogResult,
  { findings, minimum }: { readonly findings: Findings; readonly minimum: number },
): string {
  if (given.length === 0) {
    return 'No checkpoint kept elsewhere was given: a rollback to an earlier state of this trail could not have been seen.'
  }
  const statements = kept.map((each) => compareOne(each, signed, log, { findings, minimum }))
  if (kept.length < given.length) statements.push(NO_CONTINUATION)
  return statements.join(' ')
}

const NO_CONTINUATION = 'The trail is not a continuation of the checkpoint given.'

function compareOne(
  { size, root }: Checkpoint,
  signed: Checkpoint | undefined,
  log: LogResult,
  { findings, minimum }: { readonly findings: Findings; readonly minimum: number },
): string {
  if (signed === undefined || size > signed.size) return NO_CONTINUATION
  const roots = size === 0 ? [emptyRoot] : (log.earlierRoots.get(size) ?? [])
  if (roots.includes(root)) return `The first ${size} entries are those that the checkpoint given signs.`
  if (roots.length === 0 && log.isWhole && size < minimum)
    return `The checkpoint of ${size} entries could not be compared: retention has deleted the hashes around it.`
  if (!log.isWhole) return 'The trail could not be compared with the checkpoint given: too much of it is missing.'
  const what = `the first ${size} entries are not those that the checkpoint given signs: this is another history`
  findings.problem(what, { file: 'checkpoint' })
  return NO_CONTINUATION
}
