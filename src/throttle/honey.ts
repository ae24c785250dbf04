// Honey subjects (OAT-011, OAT-018): people whom no one has reason to read. One read holds the session and its client at once; the
// order that locks them for good is the control plane's.
import { createCellMemory, createCells, type CellMemory } from './cells.ts'
import { DELTA, type OnDelta } from './deltas.ts'
import type { Facts } from './facts.ts'
import type { Finding } from './finding.ts'
import type { Key } from './key.ts'

const NAME = 'honey-subject'
const HELD_SECONDS = 86_400

export function createHoneyMemory(cells: number): CellMemory {
  return createCellMemory({ cells, words: 1, ttlSeconds: HELD_SECONDS })
}

export interface Honey {
  /** `isHoney`: one of the request's people is a configured honey subject. */
  judge(facts: Facts, isHoney: boolean): Finding | undefined
  /** Another gateway holds this one since then. */
  merge(key: Key, second: number, then: number): void
}

export function createHoney(memory: CellMemory, thread: number, onDelta?: OnDelta): Honey {
  const cells = createCells(memory, thread)

  const names = ({ account, session, partner }: Facts): readonly Key[] =>
    [account, session, partner?.key].filter((key) => key !== undefined)

  const hold = (key: Key, second: number, then = second): void => {
    if (then + HELD_SECONDS <= second) return
    cells.with(key, second, (at) => {
      cells.flag(at, then + HELD_SECONDS)
    })
  }

  return {
    merge: hold,
    judge(facts, isHoney) {
      if (isHoney) {
        for (const key of names(facts)) {
          hold(key, facts.second)
          onDelta?.(DELTA.honey, key, 0)
        }
        return findingOf(facts, 'read a honey subject, whom no one has reason to read')
      }
      if (cells.isUntouched) return undefined
      const isHeld = names(facts).some((key) => cells.peek(key, facts.second, () => true) === true)
      return isHeld ? { ...findingOf(facts, 'has read a honey subject'), answer: 'refuse' } : undefined
    },
  }
}

function findingOf(facts: Facts, what: string): Finding {
  const key = facts.session === undefined ? 'address' : 'session'
  const retryAfterMs = HELD_SECONDS * 1000
  return { detector: NAME, answer: 'lock', threat: 'OAT-011', key, retryAfterMs, sentence: `this ${key} ${what}` }
}
