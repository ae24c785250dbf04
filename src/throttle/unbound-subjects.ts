// S3 (OAT-011, API1:2023): tries to read people whom the session does not own. By design nobody has a reason to: the third stranger
// asks for a fresh OTP, the sixth ends the session.
import { createCellMemory, createCells, type CellMemory } from './cells.ts'
import type { Facts, Person } from './facts.ts'
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
}

export function createUnboundSubjects(memory: CellMemory, thread: number): UnboundSubjects {
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

  return {
    refused(facts, people) {
      const { session, second } = facts
      if (session === undefined) return undefined
      return cells.with(session, second, (at) => {
        let count = words[at + COUNT] ?? 0
        for (const { hash, own } of people) {
          if (own || words.subarray(at + FIRST, at + FIRST + REMEMBERED).includes(hash | 1)) continue
          words[at + FIRST + (count % REMEMBERED)] = hash | 1
          count += 1
        }
        words[at + COUNT] = count
        words[at + SINCE] = second
        if (count >= STEP_UP_AT) cells.flag(at, second + DAY_SECONDS)
        return findingOf(count, second, facts)
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
