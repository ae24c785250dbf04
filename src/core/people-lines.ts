// Whose records were read, as lines in the order of their names, so that the answers of many trails become one by reading each once.
import type { SubjectReads, WhoseAnswer } from './trail-query.ts'

/** What a trail says of itself before the names: which one it is, what a checkpoint of it covers, and its own counts. */
export interface TrailHead {
  /** Name of the gateway: the origin of its log. */
  readonly gateway: string
  /** Of the checkpoint under which all of it stands: entries, and their root (base64). */
  readonly size: number
  readonly root: string
  /** Why its index was not used, where there is one. */
  readonly fallback?: string
}

export type TrailCounts = Omit<WhoseAnswer, 'list'>

/**
 * First the head, then each caller by pseudonym, then each person, both in the order of their UTF-16 code units, which for pseudonyms
 * is that of their bytes; then the end, without which the list was cut.
 */
export type PeopleLine =
  { readonly trail: TrailHead & TrailCounts } | { readonly principal: string } | SubjectReads | { readonly end: number }

/** Reads of one person in one trail, and between which entries of it. */
export interface TrailReads extends Omit<SubjectReads, 'subject'> {
  readonly gateway: string
}

/** One person over all trails. */
export interface FleetReads extends Omit<SubjectReads, 'firstEntry' | 'lastEntry'> {
  /** In the order in which the trails were given. */
  readonly trails: readonly TrailReads[]
}

/** A trail that a fleet has and that is not in an answer. */
export interface MissingTrail {
  /** Name, or the address of one whose name nobody told. */
  readonly gateway: string
  readonly address?: string
  readonly why: string
}

/** One answer over several trails. People and callers are counted once, whichever and how many of the trails name them. */
export interface FleetWhose extends Omit<WhoseAnswer, 'list'> {
  readonly list: readonly FleetReads[]
  readonly trails: readonly (TrailHead & TrailCounts)[]
  readonly missing: readonly MissingTrail[]
  /** Entries under the checkpoints of all. */
  readonly size: number
  /**
   * Keys of the pseudonyms that were met, with the trails that hold names by each. Who stands under two keys has two names, so
   * with more than one key the people are at most so many as are counted.
   */
  readonly keys: readonly { readonly key: string; readonly gateways: readonly string[] }[]
}

export function isPerson(line: PeopleLine): line is SubjectReads {
  return 'subject' in line
}

/** The name of a line among those of its kind; people come after callers. */
export function placeOf(line: PeopleLine): string | undefined {
  if ('principal' in line) return `0${line.principal}`
  return isPerson(line) ? `1${line.subject}` : undefined
}

/** Those with most reads first, then by pseudonym. */
export function byReads(
  a: Pick<SubjectReads, 'subject' | 'reads'>,
  b: Pick<SubjectReads, 'subject' | 'reads'>,
): number {
  return b.reads - a.reads || (a.subject < b.subject ? -1 : 1)
}
