// An incident: what orders name under one id, and the two clocks that the law starts once it is noticed.
import type { Lock } from './lock.ts'
import type { IncidentOrder } from './order.ts'
import type { Revocation } from './session.ts'
import type { Instant } from './time.ts'

/** CERT-In Directions of 28 April 2022, No. 20(3)/2022-CERT-In, (ii): six hours from noticing, or from being told. */
export const CERT_IN_MS = 6 * 3_600_000
/** DPDP Rules 2025, 7(2)(b): the detail for the Board within seventy-two hours of becoming aware. */
export const BOARD_MS = 72 * 3_600_000

/** What somebody signed about an incident. */
export interface IncidentNote {
  /** Of the order. */
  readonly id: string
  readonly action: IncidentOrder['action']
  readonly at: Instant
  readonly by: string
  readonly noticedAt?: Instant
  readonly reason: string
}

export interface Incident {
  readonly id: string
  readonly title?: string
  readonly isOpen: boolean
  readonly noticedAt: Instant
  /** Nobody told when it was noticed: that is when the first order came. */
  readonly isNoticedGuessed: boolean
  readonly openedBy?: string
  readonly closedAt?: Instant
  readonly certInAt?: Instant
  readonly boardAt?: Instant
  readonly locks: readonly string[]
}

interface Named {
  readonly lock: Lock
}

/** Of a ledger: all that names incidents. */
interface NamingOrders {
  readonly incidents: ReadonlyMap<string, readonly IncidentNote[]>
  readonly held: ReadonlyMap<string, Named>
  readonly tombstones: ReadonlyMap<string, Named>
  readonly revocations: ReadonlyMap<string, Revocation>
}

/** By the time at which each was noticed. The same for the same set of orders, in whatever order they came. */
export function incidentsOf(ledger: NamingOrders): readonly Incident[] {
  const locks = new Map<string, Named[]>()
  for (const each of [...ledger.held.values(), ...ledger.tombstones.values()])
    if (each.lock.source === 'order') locks.set(each.lock.incident, [...(locks.get(each.lock.incident) ?? []), each])
  const revoked = new Map<string, Instant>()
  for (const { incident, since } of ledger.revocations.values())
    revoked.set(incident, Math.min(since, revoked.get(incident) ?? Infinity))
  const ids = new Set([...ledger.incidents.keys(), ...locks.keys(), ...revoked.keys()])
  return [...ids]
    .map((id) => incidentOf(id, ledger.incidents.get(id) ?? [], locks.get(id) ?? [], revoked.get(id)))
    .toSorted((a, b) => a.noticedAt - b.noticedAt || (a.id < b.id ? -1 : 1))
}

function incidentOf(
  id: string,
  notes: readonly IncidentNote[],
  locks: readonly Named[],
  revokedAt: Instant | undefined,
): Incident {
  const inOrder = notes.toSorted((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
  const first = (action: IncidentNote['action']): IncidentNote | undefined =>
    inOrder.find((each) => each.action === action)
  const opened = first('open')
  const closed = inOrder.findLast(({ action }) => action === 'close')
  const reopened = inOrder.findLast(({ action }) => action === 'open')
  const isClosed = closed !== undefined && closed.at >= (reopened?.at ?? -Infinity)
  // Of several that were told, the earliest: the clock of the law began then.
  const told = Math.min(...inOrder.map(({ noticedAt }) => noticedAt ?? Infinity))
  const seen = Math.min(revokedAt ?? Infinity, ...locks.map(({ lock }) => lock.since), ...inOrder.map(({ at }) => at))
  const [certIn, board] = [first('reported-cert-in'), first('reported-board')]
  return {
    id,
    isOpen: !isClosed,
    noticedAt: told === Infinity ? seen : told,
    isNoticedGuessed: told === Infinity,
    locks: locks.map(({ lock }) => lock.id).toSorted(),
    ...(opened === undefined ? {} : { title: opened.reason, openedBy: opened.by }),
    ...(isClosed ? { closedAt: closed.at } : {}),
    ...(certIn === undefined ? {} : { certInAt: certIn.at }),
    ...(board === undefined ? {} : { boardAt: board.at }),
  }
}

/** The least time that is left to report an open incident, in milliseconds; undefined where nothing is due. */
export function nearestDue(incidents: readonly Incident[], to: 'certIn' | 'board', now: Instant): number | undefined {
  const left = incidents
    .filter((each) => each.isOpen && (to === 'certIn' ? each.certInAt : each.boardAt) === undefined)
    .map(({ noticedAt }) => noticedAt + (to === 'certIn' ? CERT_IN_MS : BOARD_MS) - now)
  return left.length === 0 ? undefined : Math.min(...left)
}
