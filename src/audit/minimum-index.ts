// What retention has deleted: C2SP tlog-tiles calls it the log's minimum index. The statement is signed, so that nobody else can
// call a deletion retention.
import { join } from 'node:path'
import type { Signer } from '../ports/signer.ts'
import { type Files, nodeFiles } from './files.ts'
import { checkNote, parseNote, type Refused, signNote, type Vkey } from './note.ts'
import { TILE_WIDTH } from './tiles.ts'

/** Its file in the trail's directory. */
export const MINIMUM_INDEX_FILE = 'minimum-index'

/** No line of a checkpoint, so that the one is never taken for the other. */
const FIRST_LINE = 'portcullis minimum index v1'

export interface MinimumIndex {
  /** Entries before it, and their hashes below the second level of tiles, are deleted. A multiple of 256. */
  readonly index: number
  /** The newest of what was deleted is older than this, epoch milliseconds. */
  readonly before: number
  /** When it was decided, epoch milliseconds. */
  readonly at: number
}

export function signMinimumIndex({ index, before, at }: MinimumIndex, signer: Signer): string {
  return signNote(`${FIRST_LINE}\n${signer.name}\n${index}\n${before}\n${at}\n`, signer)
}

const NUMBER = /^(?:0|[1-9]\d{0,15})$/

/** Reads the statement, and where a key is given checks that it has signed it. */
export function openMinimumIndex(text: string, vkey: Vkey | undefined): MinimumIndex | Refused {
  const note = parseNote(text)
  if ('problem' in note) return note
  const [first, origin, ...numbers] = note.text.slice(0, -1).split('\n')
  const [index, before, at] = numbers.map(Number)
  const isFine = first === FIRST_LINE && numbers.length === 3 && numbers.every((each) => NUMBER.test(each))
  if (!isFine || index === undefined || before === undefined || at === undefined)
    return { problem: 'this is no statement of a minimum index' }
  if (index % TILE_WIDTH !== 0) return { problem: `a minimum index is a multiple of ${TILE_WIDTH}` }
  const problem = vkey === undefined ? undefined : checkNote(note, vkey)
  if (problem !== undefined) return { problem }
  if (vkey !== undefined && origin !== vkey.name) return { problem: `it is of the log ${JSON.stringify(origin)}` }
  return { index, before, at }
}

/** The first entry that a trail still has, as it says itself: the verifier checks the signature. */
export async function readMinimumIndex(dir: string, files: Files = nodeFiles): Promise<number> {
  const text = (await files.read(join(dir, MINIMUM_INDEX_FILE)))?.toString()
  const found = text === undefined ? undefined : openMinimumIndex(text, undefined)
  return found === undefined || 'problem' in found ? 0 : found.index
}
