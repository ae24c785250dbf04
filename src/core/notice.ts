// What somebody outside is told of: the types of messages, and when locks and proposals nag.
import type { Instant } from './time.ts'

export const NOTICE_TYPES = [
  'lock.landed',
  'lock.released',
  'lock.withdrawn',
  'lock.suggested',
  'lock.overdue',
  'release.pending',
  'thaw.refrozen',
  'proof.missing',
] as const
export type NoticeType = (typeof NOTICE_TYPES)[number]

/** Names, ids and words of orders: never a pseudonym, an address or a token. */
export interface Notice {
  readonly type: NoticeType
  /** What it is about, so that two gateways that tell the same tell it under one id. */
  readonly about: string
  readonly at: Instant
  readonly data: Readonly<Record<string, unknown>>
}

/** After so long somebody is asked whether a lock without an end is still wanted, and again each such time. */
export const FORGOTTEN_AFTER_MS = 24 * 3_600_000
/** A proposal that waits so long has been overlooked. */
export const WAITING_AFTER_MS = 3_600_000
/** The owner of a thaw plan is told before it refreezes by itself. */
export const DEADLINE_NEAR_MS = 10 * 60_000
