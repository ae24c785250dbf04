// S6 (OAT-011): identifiers that are walked in order. Of 43 real clients with eight people or more the greatest share of near steps was 0.14.
import type { Key } from './key.ts'
import { createCellMemory, createCells, type CellMemory } from './cells.ts'
import type { Facts, Person } from './facts.ts'
import type { Finding } from './finding.ts'
import { PENALTY_WORDS, penaltyLeft, punish } from './penalty.ts'

const NAME = 'sequential-identifiers'
const NEAR = 3
const STEPS_MIN = 8
const STEPS_KEPT = 16
const DAY_SECONDS = 86_400

/** Own words: the penalty; the last number; how many steps and which of the last sixteen were near. */
const LAST = PENALTY_WORDS
const STEPS = PENALTY_WORDS + 1

export function createSequenceMemory(cells: number): CellMemory {
  return createCellMemory({ cells, words: PENALTY_WORDS + 2, ttlSeconds: DAY_SECONDS })
}

export interface Sequence {
  /** Of people who are new to the account. */
  judge(facts: Facts, people: readonly Person[]): Finding | undefined
}

export function createSequence(memory: CellMemory, thread: number): Sequence {
  const cells = createCells(memory, thread)
  const { words } = cells

  function judgeKey(name: Key, facts: Facts, people: readonly Person[]): Finding | undefined {
    return cells.with(name, facts.second, (at): Finding | undefined => {
      let near = 0
      let steps = 0
      for (const { step } of people) {
        const last = words[at + LAST] ?? 0
        words[at + LAST] = step + 1
        if (last === 0) continue
        const delta = (step - (last - 1)) & 0xffff
        const isNear = delta !== 0 && (delta <= NEAR || delta >= 0x10000 - NEAR)
        const before = words[at + STEPS] ?? 0
        const kept = ((before << 1) | (isNear ? 1 : 0)) & 0xffff
        steps = Math.min(STEPS_KEPT, (before >>> 16) + 1)
        words[at + STEPS] = (steps << 16) | kept
        near = bits(kept)
      }
      const isWalk = steps >= STEPS_MIN && 2 * near > steps
      if (!isWalk && penaltyLeft(words, at, facts.second) === 0) return undefined
      const left = punish(words, at, facts.second)
      cells.flag(at, facts.second + left + DAY_SECONDS)
      return {
        detector: NAME,
        answer: 'refuse',
        threat: 'OAT-011',
        key: facts.session === undefined ? 'address' : 'account',
        retryAfterMs: left * 1000,
        value: near,
        sentence: `${near} of the last ${steps} new people have neighbouring identifiers, limit ${steps >> 1}, built in`,
      }
    })
  }

  return {
    judge(facts, people) {
      const numbered = people.filter(({ step, own }) => step >= 0 && !own)
      return numbered.length === 0 ? undefined : judgeKey(facts.account, facts, numbered)
    },
  }
}

function bits(word: number): number {
  let count = 0
  for (let rest = word; rest !== 0; rest &= rest - 1) count += 1
  return count
}
