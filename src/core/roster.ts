// Who responds: those of the config, those whom orders have enrolled, without those whom orders have retired.
import { keyNameOf, type Responder } from './responder.ts'
import type { Instant } from './time.ts'

/** Somebody enrolled by an order, or on this host when the keys were lost. */
export interface Enrolment {
  readonly responder: Responder
  readonly at: Instant
}

export interface Retirement {
  readonly name: string
  /** The one key that is retired; absent: all that the person has had until then. */
  readonly key?: string
  readonly at: Instant
}

export interface Roster {
  readonly enrolments: readonly Enrolment[]
  readonly retirements: readonly Retirement[]
}

export const EMPTY_ROSTER: Roster = { enrolments: [], retirements: [] }

/** Whether an order has retired the key, from `at` on. A key that the config names has been there for ever. */
export function isRetiredBy(roster: Roster, by: Responder, at: Instant): boolean {
  const enrolment = roster.enrolments.find(({ responder }) => responder.key === by.key)
  return retiredAt(roster, by, enrolment?.at ?? -Infinity) <= at
}

function retiredAt({ retirements }: Roster, by: Responder, enrolledAt: Instant): Instant {
  const theirs = retirements.filter(({ name, key, at }) =>
    key === undefined ? name === by.name && enrolledAt <= at : key === by.key,
  )
  return Math.min(Infinity, ...theirs.map(({ at }) => at))
}

/**
 * Everybody who may sign, the retired among them with the instant. What an order has made, only an order changes: a line of the
 * config that has the name or the key of somebody enrolled by an order is that person, as the order says.
 */
export function respondersOf(config: readonly Responder[], roster: Roster): readonly Responder[] {
  const enrolled = enrolledOf(roster)
  const clashes = (each: Responder): boolean =>
    enrolled.some(({ responder }) => responder.key === each.key || keyNameOf(responder) === keyNameOf(each))
  return [
    ...config.filter((each) => !clashes(each)).map((responder) => ({ responder, at: -Infinity })),
    ...enrolled,
  ].map(({ responder, at }) => {
    const ends = Math.min(retiredAt(roster, responder, at), responder.retiredAt ?? Infinity)
    return ends === Infinity ? responder : { ...responder, retiredAt: ends }
  })
}

/** Of two that name one key, or one name without telling the keys apart, the first counts: at every gateway the same. */
function enrolledOf({ enrolments }: Roster): readonly Enrolment[] {
  const kept: Enrolment[] = []
  for (const each of enrolments.toSorted(byTime)) {
    const isTaken = kept.some(
      ({ responder }) => responder.key === each.responder.key || keyNameOf(responder) === keyNameOf(each.responder),
    )
    if (!isTaken) kept.push(each)
  }
  return kept
}

function byTime(a: Enrolment, b: Enrolment): number {
  return a.at - b.at || (a.responder.key < b.responder.key ? -1 : 1)
}
