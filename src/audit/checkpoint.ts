// What a log commits to: origin, size and root in a signed note (C2SP tlog-checkpoint).
import type { Signer } from '../ports/signer.ts'
import type { Hash } from './merkle.ts'
import { checkNote, parseBase64, parseNote, type Refused, signNote, type Vkey } from './note.ts'

export interface Checkpoint {
  readonly origin: string
  /** Entries of the log. */
  readonly size: number
  readonly root: Hash
}

/** The signed checkpoint. The origin is the signer's name. */
export function signCheckpoint({ size, root }: { size: number; root: Hash }, signer: Signer): string {
  return signNote(`${signer.name}\n${size}\n${Buffer.from(root, 'latin1').toString('base64')}\n`, signer)
}

/** Reads the text of a checkpoint note. Extension lines are allowed, and ignored. */
export function parseCheckpoint(text: string): Checkpoint | Refused {
  const [origin = '', size = '', encoded = ''] = text.split('\n')
  const root = parseBase64(encoded)
  if (origin === '') return { problem: 'the checkpoint has no origin line' }
  if (!/^(?:0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size)))
    return { problem: 'the checkpoint has no valid size line' }
  if (root?.length !== 32) return { problem: 'the checkpoint has no valid root line' }
  return { origin, size: Number(size), root: root.toString('latin1') }
}

/** Parses a checkpoint note and verifies that the key signed it and that it is of the key's own log. */
export function openCheckpoint(note: string, vkey: Vkey): Checkpoint | Refused {
  const parsed = parseNote(note)
  if ('problem' in parsed) return parsed
  const problem = checkNote(parsed, vkey)
  if (problem !== undefined) return { problem }
  const checkpoint = parseCheckpoint(parsed.text)
  if ('problem' in checkpoint) return checkpoint
  if (checkpoint.origin !== vkey.name)
    return { problem: `it is of the log ${JSON.stringify(checkpoint.origin)}, not of ${vkey.name}` }
  return checkpoint
}
