// S3 (OAT-011, API1:2023): tries to read people whom the session does not own. By design nobody has a reason to: the third stranger
// asks for a fresh OTP, the sixth ends the session.
import { createCellMemory, createCells, type CellMemory } from './cells.ts'
import { DELTA, type OnDelta } from './deltas.ts'
import type { Facts, Person } from './facts.ts'
import type { Key } from './key.ts'
import { ordinal, type Finding } from './finding.ts'

const NAME = 'unbound-subjects'
const STEP_UP_AT = 3
const REVOKE_AT = 6
const DAY_SECONDS = 86_400
/** A mistyped number tried again and again is one stranger: the last ones are remembered. */
const REMEMBERED = 6
const COUNT = 0
const FIRST = 1

export function createUnboundMemory(cells: number): CellMemory {
  return createCellMemory({ cells, words: 1 + REMEMBERED + 1, ttlSeconds: DAY_SECONDS })
}

export interface UnboundSubjects {
  /** The request was refused because its session does not own these people. */
  refused(facts: Facts, people: readonly Person[]): Finding | undefined
  /** What its earlier tries still ask of the session. */
  judge(facts: Facts): Finding | undefined
  /** The session has asked another gateway for this stranger then. */
  merge(session: Key, second: number, hash: number, then: number): void
}

export function createUnboundSubjects(memory: CellMemory, thread: number, onDelta?: OnDelta): UnboundSubjects {
  const cells = createCells(memory, thread)
  const { words } = cells
  const SINCE = FIRST + REMEMBERED

  function findingOf(count: number, sinceSecond: number, facts: Facts): Finding | undefined {
    if (count < STEP_UP_AT) return undefined
    const answer = count >= REVOKE_AT ? 'revoke' : 'step-up'
    return {
      detector: NAME,
      answer,
      threat: 'OAT-011',
      key: 'session',
      retryAfterMs: 60_000,
      value: count,
      limit: answer === 'revoke' ? REVOKE_AT : STEP_UP_AT,
      sinceMs: facts.wallMs - (facts.second - sinceSecond) * 1000,
      sentence: `${ordinal(count)} try at a person whom the session does not own, limit ${REVOKE_AT}, built in`,
    }
  }

  /** Whether it is another stranger than the last ones. */
  function count(at: number, hash: number, second: number): boolean {
    if (words.subarray(at + FIRST, at + FIRST + REMEMBERED).includes(hash | 1)) return false
    const before = words[at + COUNT] ?? 0
    words[at + FIRST + (before % REMEMBERED)] = hash | 1
    words[at + COUNT] = before + 1
    words[at + SINCE] = Math.max(words[at + SINCE] ?? 0, second)
    if (before + 1 >= STEP_UP_AT) cells.flag(at, second + DAY_SECONDS)
    return true
  }

  return {
    merge(session, second, hash, then) {
      if (second - then > DAY_SECONDS) return
      cells.with(session, second, (at) => count(at, hash, then))
    },
    refused(facts, people) {
      const { session, second } = facts
      if (session === undefined) return undefined
      return cells.with(session, second, (at) => {
        for (const { hash, own } of people)
          if (!own && count(at, hash, second)) onDelta?.(DELTA.stranger, session, hash | 1)
        words[at + SINCE] = second
        return findingOf(words[at + COUNT] ?? 0, second, facts)
      })
    },
    judge(facts) {
      if (facts.session === undefined) return undefined
      return cells.peek(facts.session, facts.second, (at) =>
        findingOf(words[at + COUNT] ?? 0, words[at + SINCE] ?? 0, facts),
      )
    },
  }
}
