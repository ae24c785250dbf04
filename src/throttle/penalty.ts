// How long a refusal lasts: it doubles with each new cause and decays with clean days. Three words of a cell.

const FIRST_SECONDS = 60
const LONGEST_SECONDS = 86_400
const LEVEL_MAX = 11
const DAY_SECONDS = 86_400
/** Tries within this of each other are one cause: an impatient person is not punished by the click. */
const ONE_CAUSE_SECONDS = 10

export const PENALTY_WORDS = 3
const UNTIL = 0
const LEVEL = 1
const LAST = 2

/** Seconds that are left, or 0. */
export function penaltyLeft(words: Int32Array, at: number, now: number): number {
  return Math.max(0, (words[at + UNTIL] ?? 0) - now)
}

/** One more cause: 60 s, then twice as long each time, a day at most; each clean day halves the doublings. Returns the seconds that are left. */
export function punish(words: Int32Array, at: number, now: number): number {
  const last = words[at + LAST] ?? 0
  const level = words[at + LEVEL] ?? 0
  if (last > 0 && now - last < ONE_CAUSE_SECONDS) return penaltyLeft(words, at, now)
  const cleanDays = last === 0 ? 0 : Math.floor((now - Math.max(last, words[at + UNTIL] ?? 0)) / DAY_SECONDS)
  const next = Math.min(LEVEL_MAX, (level >> Math.min(31, Math.max(0, cleanDays))) + 1)
  words[at + LEVEL] = next
  words[at + LAST] = now
  words[at + UNTIL] = Math.max(words[at + UNTIL] ?? 0, now + durationOf(next))
  return penaltyLeft(words, at, now)
}

/** Refused elsewhere: the longer of both holds, and what comes next doubles from there. True where that changed anything. */
export function hold(words: Int32Array, at: number, now: number, { until, level }: Held): boolean {
  if (until <= (words[at + UNTIL] ?? 0)) return false
  words[at + UNTIL] = Math.min(until, now + LONGEST_SECONDS)
  words[at + LEVEL] = Math.max(words[at + LEVEL] ?? 0, Math.min(level, LEVEL_MAX))
  words[at + LAST] = Math.max(words[at + LAST] ?? 0, now)
  return true
}

export interface Held {
  readonly until: number
  readonly level: number
}

export function heldOf(words: Int32Array, at: number): Held {
  return { until: words[at + UNTIL] ?? 0, level: words[at + LEVEL] ?? 0 }
}

function durationOf(level: number): number {
  return Math.min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (level - 1))
}
