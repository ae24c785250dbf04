// Findings and limits for people to look at and to answer: accept, snooze, exempt. An answer is signed and recorded; an exemption ends.
import type { LimitRecord } from '../../core/audit-record.ts'
import type { Responder } from '../../core/responder.ts'
import { parseDuration, type Instant } from '../../core/time.ts'
import type { AnomalyBook } from './anomaly-book.ts'

export const ANOMALY_TYP = 'portcullis-anomaly+jwt'
const EXEMPT_MAX_MS = 30 * 86_400_000
const SIGNED_WITHIN_MS = 60_000

export interface Exemption {
  readonly detector: string
  /** Pseudonym of the caller, else the client's id or address. */
  readonly name: string
  readonly until: Instant
  readonly by: string
  readonly reason: string
}

interface LimitView {
  readonly role: string
  readonly minutes: number
  /** What counts now, and what learning says. */
  readonly enforced: number
  readonly learned: number
  readonly accounts: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly confidence: string
}

/** What the composition root knows of limits. */
export interface LimitSource {
  readonly mode: string
  views(): readonly LimitView[]
  /** Accounts of the last seven days that read more people than this in the window; undefined where it is not counted. */
  wouldRefuse(role: string, minutes: number, count: number): number | undefined
}

export interface PeopleDesk {
  readonly book: AnomalyBook
  readonly limits: LimitSource
  exemptions(): readonly Exemption[]
  /** The signature has been verified. Returns what is wrong, or the record of what was done. */
  answer(payload: unknown, by: Responder): LimitRecord | { readonly problem: string; readonly isRole?: true }
}

export interface PeopleDeskDeps {
  readonly book: AnomalyBook
  readonly limits: LimitSource
  readonly now: () => Instant
  /** Those that were kept. */
  readonly exemptions: readonly Exemption[]
  /** Keeps them, and tells the workers. */
  readonly onExemptions: (exemptions: readonly Exemption[]) => void
  readonly record: (record: LimitRecord) => void
}

export function createPeopleDesk(deps: PeopleDeskDeps): PeopleDesk {
  let exemptions = deps.exemptions
  const seen = new Set<string>()
  const current = (): readonly Exemption[] => exemptions.filter(({ until }) => until > deps.now())
  return {
    book: deps.book,
    limits: deps.limits,
    exemptions: current,
    answer(payload, by) {
      const now = deps.now()
      const parsed = parseAnswer(payload, now)
      if ('problem' in parsed) return parsed
      const { anomaly, action, ttlMs, reason, jti } = parsed
      if (by.retiredAt !== undefined && by.retiredAt <= now)
        return { problem: `${by.name} has been retired`, isRole: true }
      if (!mayAnswer(by, action)) return { problem: `${by.role} may not ${action}`, isRole: true }
      if (seen.has(jti)) return { problem: 'this has been given before' }
      const found = deps.book.find(anomaly)
      if (found === undefined) return { problem: 'there is no such finding, or it has been answered' }
      seen.add(jti)
      const until = now + ttlMs
      deps.book.close(anomaly, action === 'accept' ? undefined : until)
      const { detector, principal, application, client } = found.anomaly
      if (action === 'exempt') {
        exemptions = [...current(), { detector, name: principal ?? application ?? client, until, by: by.name, reason }]
        deps.onExemptions(exemptions)
      }
      const record: LimitRecord = {
        kind: 'limit',
        time: now,
        change: action,
        anomaly,
        by: by.name,
        reason,
        ...(action === 'accept' ? {} : { until }),
      }
      deps.record(record)
      return record
    },
  }
}

function mayAnswer({ role }: Responder, action: Answer['action']): boolean {
  return role === 'commander' || (role === 'responder' && action !== 'exempt')
}

interface Answer {
  readonly anomaly: string
  readonly action: 'accept' | 'snooze' | 'exempt'
  readonly ttlMs: number
  readonly reason: string
  readonly jti: string
}

function parseAnswer(payload: unknown, now: Instant): Answer | { readonly problem: string } {
  const fields = (typeof payload === 'object' && payload !== null ? payload : {}) as Readonly<Record<string, unknown>>
  const { iat, jti, anomaly, action, ttl, reason } = fields
  if (typeof iat !== 'number' || Math.abs(now - iat * 1000) > SIGNED_WITHIN_MS)
    return { problem: 'iat must be within 60 s of now' }
  if (!isText(jti)) return { problem: 'jti is missing' }
  if (!isText(anomaly)) return { problem: 'anomaly must be the id of a finding' }
  const known = ACTIONS.find((each) => each === action)
  if (known === undefined) return { problem: 'action must be accept, snooze or exempt' }
  if (!isText(reason)) return { problem: 'reason must say why, in 500 characters at most' }
  const ttlMs = known === 'accept' ? 0 : exemptMs(ttl)
  if (ttlMs === undefined)
    return { problem: 'ttl must be a duration of 30d at most, as in 2h: nothing is exempt for ever' }
  return { anomaly, action: known, ttlMs, reason, jti }
}

const ACTIONS = ['accept', 'snooze', 'exempt'] as const

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= 500
}

function exemptMs(ttl: unknown): number | undefined {
  const ms = parseDuration(typeof ttl === 'string' ? ttl : '')
  return ms === undefined || ms <= 0 || ms > EXEMPT_MAX_MS ? undefined : ms
}
