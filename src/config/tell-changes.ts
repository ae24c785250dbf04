// What became of each text of the config, told once: which text it was, and which of its sections are new, by name alone.
import { hash } from 'node:crypto'
import { changedSections } from './changed-sections.ts'

/** `hash`: SHA-256 of the text, hex. Nothing of what stands in it: values may be secrets. */
export type ConfigChange =
  | {
      readonly outcome: 'taken'
      readonly hash: string
      /** Of the text that was in force until then. */
      readonly before: string
      /** Sections by name (changed-sections). */
      readonly changed: readonly string[]
      readonly restartNeeded: readonly string[]
    }
  | { readonly outcome: 'refused'; readonly hash?: string; readonly reason: ConfigRefusal }

/** No text could be read; it is no config; a lock in force stands against it; something that it names could not be opened. */
export type ConfigRefusal = 'unreadable' | 'invalid' | 'lock-in-force' | 'unusable'

export interface ChangeTeller {
  /** What the process was started with. */
  started(text: string): void
  taken(text: string, restartNeeded: readonly string[]): void
  refused(reason: ConfigRefusal, text?: string): void
  /** Of the text in force; undefined before the start. */
  readonly hash: string | undefined
}

export function createChangeTeller(tell: (change: ConfigChange) => void): ChangeTeller {
  let inForce: { readonly text: string; readonly hash: string } | undefined
  let lastRefusal = ''
  return {
    started(text) {
      inForce = { text, hash: hash('sha256', text) }
    },
    taken(text, restartNeeded) {
      const before = inForce
      inForce = { text, hash: hash('sha256', text) }
      lastRefusal = ''
      // A text that was refused may be followed by the one in force.
      if (before === undefined || before.hash === inForce.hash) return
      const changed = changedSections(before.text, text)
      tell({ outcome: 'taken', hash: inForce.hash, before: before.hash, changed, restartNeeded })
    },
    refused(reason, text) {
      const refusal = { reason, ...(text === undefined ? {} : { hash: hash('sha256', text) }) }
      const told = JSON.stringify(refusal)
      // What is judged anew after a release, and refused again, is no news.
      if (told !== lastRefusal) tell({ outcome: 'refused', ...refusal })
      lastRefusal = told
    },
    get hash() {
      return inForce?.hash
    },
  }
}
