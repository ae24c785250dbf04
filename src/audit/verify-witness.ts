// A trail against its witnesses: which of its checkpoints each of them has cosigned, and so how much of it nobody can have written anew.
import { openCheckpoint } from './checkpoint.ts'
import { parseWitnessKey, readCosignature } from './cosignature.ts'
import type { Findings } from './findings.ts'
import { parseNote, type Vkey } from './note.ts'

export interface WitnessQuestion {
  /** Verification keys of the witnesses, kept elsewhere. */
  readonly keys: readonly string[]
  /** Texts of checkpoints that are compared with the trail: its own first, then those given. */
  readonly notes: readonly string[]
  readonly vkey: Vkey | undefined
}

interface Cosigned {
  readonly size: number
  readonly seconds: number
}

/** Says what the witnesses have seen. What does not hold, and a witness that has cosigned none of the checkpoints, are problems. */
export function compareWitnesses({ keys, notes, vkey }: WitnessQuestion, findings: Findings): string {
  if (keys.length === 0) return unasked(notes[0])
  const statements = keys.map((text) => {
    const key = parseWitnessKey(text.trim())
    if ('problem' in key) {
      findings.problem(`the witness key given is none: ${key.problem}`)
      return ''
    }
    let best: Cosigned | undefined
    for (const note of notes) {
      const found = readCosignature(note, key)
      if (found === undefined) continue
      if ('problem' in found) {
        findings.problem(`what the witness has signed does not hold: ${found.problem}`, { file: 'checkpoint' })
        continue
      }
      const checkpoint = vkey === undefined ? undefined : openCheckpoint(note, vkey)
      if (checkpoint === undefined || 'problem' in checkpoint) continue
      if (best === undefined || checkpoint.size > best.size) best = { size: checkpoint.size, ...found }
    }
    if (best === undefined) {
      findings.problem(
        `the witness ${key.name} has cosigned no checkpoint that was given: where it lags, give the last one that it has (checkpoint.witnessed in store.dir) with --checkpoint`,
        { file: 'checkpoint' },
      )
      return ''
    }
    return `The witness ${key.name} has cosigned the first ${best.size} entries, ${new Date(best.seconds * 1000).toISOString()}.`
  })
  return statements.filter((each) => each !== '').join(' ')
}

/** Signatures that nobody has given a key for prove nothing, and are not passed over in silence. */
function unasked(checkpoint: string | undefined): string {
  const note = checkpoint === undefined ? undefined : parseNote(checkpoint)
  const others = note === undefined || 'problem' in note ? [] : note.signatures.slice(1)
  if (others.length === 0) return ''
  const names = [...new Set(others.map(({ name }) => name))].join(', ')
  return `No key of a witness was given: what ${names} has cosigned was not checked.`
}
