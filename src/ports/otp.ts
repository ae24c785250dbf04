// What the gateway's own one-time passwords need of the outside, and how a worker asks the main thread for them.
import type { Instant, Limit } from '../core/time.ts'

/** Asked by a worker on behalf of a caller. Numbers are in their one form (core/phone-number). */
export type OtpQuestion =
  | { readonly ask: 'request'; readonly number: string; readonly address: string }
  | { readonly ask: 'verify'; readonly transaction: string; readonly code: string; readonly address: string }
  /** By an authenticator. */
  | { readonly ask: 'verify-account'; readonly account: string; readonly code: string; readonly address: string }
  | { readonly ask: 'keys' }

export type OtpAnswer =
  | { readonly answer: 'given'; readonly body: Readonly<Record<string, unknown>> }
  /** Why is not told: a code that is wrong, spent, too late, of nobody, or tried too often. */
  | { readonly answer: 'refused' }
  | { readonly answer: 'limited'; readonly retryAfterMs: number }
  | { readonly answer: 'unavailable' }

/** Never rejects. */
export type AskOtp = (question: OtpQuestion) => Promise<OtpAnswer>

export interface OtpChallenge {
  /** Keyed hash of the transaction and its code; what the store holds opens nothing without the key. */
  readonly mark: string
  /** Pseudonym of the number that the code went to. */
  readonly about: string
}

/** `exhausted`: whatever was brought, too many tries have been made; `absent`: no such transaction, any more or ever. */
export type OtpVerdict =
  { readonly is: 'right' | 'wrong' | 'exhausted'; readonly about: string } | { readonly is: 'absent' }

/**
 * Where challenges and counts are kept: in this process, or in the Redis of a fleet. Each method is one atomic step for all who
 * call at once, in whatever gateway. Rejects with an Error of one line where the store did not answer; nothing is then known of
 * whether it was done, and a try counts.
 */
export interface OtpStore {
  open(transaction: string, challenge: OtpChallenge, ttlMs: number): Promise<void>
  /** One try. Of any number with the right mark the first alone is told `right`; beyond `triesMax` none is. */
  try(transaction: string, mark: string, triesMax: number): Promise<OtpVerdict>
  /** Counts one under each limit, where it still fits; `peek` only tells whether it would. Gives the wait for each, 0 where it fits. */
  count(counts: readonly OtpCount[], now: Instant): Promise<readonly number[]>
  /** True for the first alone who says so of this key. */
  once(key: string, ttlMs: number): Promise<boolean>
  /** Codes that can still be taken: not too old, not used, not tried too often. With Redis, those of the fleet. */
  outstanding(): Promise<number>
  close(): Promise<void>
}

export interface OtpCount {
  readonly key: string
  readonly limit: Limit
  readonly peek?: boolean
}

export interface OtpCodes {
  /** 128 random bits. */
  transaction(): string
  /** Six digits of a cryptographic generator, each of the million equally likely. */
  code(): string
  mark(transaction: string, code: string): string
}

export interface OtpMessage {
  readonly id: string
  readonly number: string
  readonly code: string
  readonly expiresAt: Instant
}

export interface OtpDelivery {
  /** Returns at once; tries again by itself until the code has expired. */
  deliver(message: OtpMessage): void
}

interface SessionFacts {
  readonly subject: string
  /** Pseudonym of the number that the code went to. */
  readonly number?: string
}

export interface SessionIssuer {
  /** A JWT (ES256) of the key that is in use now. */
  issue(facts: SessionFacts, now: Instant): Promise<string>
  /** The public keys, a JWK Set: of what was issued, of now, and of what comes next. */
  keys(now: Instant): Promise<Readonly<Record<string, unknown>>>
}

/** Authenticators (RFC 6238). */
export interface Authenticators {
  /** The time step of which this is the account's code; undefined where it is none, and as slowly where there is no account. */
  stepOf(account: string, code: string, now: Instant): number | undefined
}

/** What is counted of them. Each word is of a closed set: no number, no account, no code. */
export interface OtpMeter {
  /** `withheld`: answered as ever, but nothing was sent, since the number has had its share. */
  requested(result: 'sent' | 'withheld' | 'limited' | 'unavailable'): void
  /** `retried`: a try failed, and another is made. */
  delivered(result: 'delivered' | 'retried' | 'failed'): void
  verified(way: 'number' | 'account', result: OtpVerification): void
}

/** `blocked`: right or wrong, too many were wrong for this number or account; `replayed`: an authenticator's step was taken before. */
type OtpVerification =
  'verified' | 'wrong' | 'absent' | 'exhausted' | 'blocked' | 'replayed' | 'limited' | 'unavailable'
