// The different people of one key, exact to 48: a hash and the minute in which each was first opened, in 72 words of a cell.

export const SLOTS = 48
/** 48 hashes, and 48 minutes of 16 bits. */
export const TABLE_WORDS = SLOTS + SLOTS / 2
/** An entry is forgotten after a day. */
const MEMORY_MINUTES = 1440

export interface SubjectTable {
  /** Whether the key has opened this one within a day. */
  has(at: number, hash: number, minute: number): boolean
  /** How many were first opened within `minutes`. */
  within(at: number, minute: number, minutes: number): number
  /** Enters one that was opened `ageMinutes` ago, in place of the oldest where all 48 are in use; true where a live one had to go. */
  enter(at: number, hash: number, minute: number, ageMinutes?: number): boolean
  each(at: number, minute: number, visit: (hash: number, ageMinutes: number) => void): void
}

/** `minute` counts modulo 2^16: a cell that is in use is looked at far more often than every 45 days. */
export function createSubjectTable(words: Int32Array): SubjectTable {
  const halves = new Uint16Array(words.buffer)
  const minutesAt = (at: number): number => 2 * (at + SLOTS)
  const ageOf = (at: number, slot: number, minute: number): number =>
    (minute - (halves[minutesAt(at) + slot] ?? 0)) & 0xffff

  return {
    has(at, hash, minute) {
      const wanted = hash | 1
      for (let slot = 0; slot < SLOTS; slot++)
        if (words[at + slot] === wanted) return ageOf(at, slot, minute) <= MEMORY_MINUTES
      return false
    },
    within(at, minute, minutes) {
      let count = 0
      const base = minutesAt(at)
      for (let slot = 0; slot < SLOTS; slot++)
        if (words[at + slot] !== 0 && ((minute - (halves[base + slot] ?? 0)) & 0xffff) <= minutes) count += 1
      return count
    },
    enter(at, hash, minute, ageMinutes = 0) {
      const wanted = hash | 1
      let place = 0
      let oldest = -1
      for (let slot = 0; slot < SLOTS; slot++) {
        const entry = words[at + slot]
        const age = entry === 0 || entry === wanted ? 0x10000 : ageOf(at, slot, minute)
        if (age <= oldest) continue
        oldest = age
        place = slot
        if (entry === wanted) break
      }
      words[at + place] = wanted
      halves[minutesAt(at) + place] = (minute - ageMinutes) & 0xffff
      return oldest <= MEMORY_MINUTES
    },
    each(at, minute, visit) {
      for (let slot = 0; slot < SLOTS; slot++) {
        const hash = words[at + slot] ?? 0
        const age = ageOf(at, slot, minute)
        if (hash !== 0 && age <= MEMORY_MINUTES) visit(hash, age)
      }
    },
  }
}
