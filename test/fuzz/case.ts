// One case: what one caller sends on one connection, and what was found wrong with what became of it.

export interface FuzzCase {
  readonly seed: number
  readonly kind: Kind
  /** Written one after the other, in turns of their own. */
  readonly pieces: readonly Buffer[]
  /** The text by which this case's exchanges are known, where it has survived. */
  readonly marker: string
  /**
   * How the caller leaves: `patient` reads its answers first, `hasty` ends its side with the last byte, `gone` resets the
   * connection then.
   */
  readonly manner: 'patient' | 'hasty' | 'gone'
}

/** `structured`: requests made by a grammar. `bytes`: mutations of whole conversations. `answers`: what a hostile upstream says. */
export type Kind = 'structured' | 'bytes' | 'answers'

export const KINDS: readonly Kind[] = ['structured', 'bytes', 'answers']

export interface Finding {
  /** Which promise was broken, in a few words that are the same each time. */
  readonly rule: string
  readonly detail: string
}

/** Cuts bytes at these places, in any order; places beyond the end are ignored. */
export function cutAt(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const cuts = [...new Set(places)].filter((place) => place > 0 && place < bytes.length).sort((a, b) => a - b)
  return [0, ...cuts].map((start, index) => bytes.subarray(start, cuts[index] ?? bytes.length))
}
