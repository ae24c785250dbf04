// What detectors know of an exchange: numbers and hashes alone, so that a live gateway and a replayed log look the same.
import type { Attempt } from '../core/policy.ts'
import type { Key } from './key.ts'

/** Somebody whose record is asked for. */
export interface Person {
  /** 32 bits of a seeded hash of the pseudonym. */
  readonly hash: number
  /** The identifier's number modulo 2^16, for what walks in sequence; -1 where it is no number. */
  readonly step: number
  /** The session owns the record: its claims name it. */
  readonly own: boolean
}

/** At most `count` different people in `minutes`. */
export interface Budget {
  readonly minutes: number
  readonly count: number
  /** Where the number comes from, for the sentence: `built in`, `by config`, `learned 2 days ago`. */
  readonly source: string
}

export interface Facts {
  /** Seconds of a clock that only grows and that all threads share. */
  readonly second: number
  /** Epoch milliseconds: for the hour of the week, and for what is told. */
  readonly wallMs: number
  /** Which of the detectors' counters for routes, and its name for sentences. */
  readonly route: { readonly index: number; readonly id: string }
  readonly session: Key | undefined
  /** The person who calls, else the session, else the address: whose budget it is. */
  readonly account: Key
  /** The address, an IPv6 one by its /64. */
  readonly address: Key
  /** A hash of the network (/16 or /32 of IPv6). */
  readonly network: number
  /** The client's stack: user agent family and order of header names; undefined where nothing is known. */
  readonly cohort: Key | undefined
  /** When a one-time password opened the session, epoch milliseconds; undefined where none did. */
  readonly verifiedAtMs: number | undefined
  readonly people: readonly Person[]
  readonly budgets: readonly Budget[]
  /** A named client with a budget of its own. */
  readonly partner: { readonly key: Key; readonly name: string; readonly budgets: readonly Budget[] } | undefined
  readonly attempt: Attempt | undefined
  /** Whom the try is about. */
  readonly target: Key | undefined
}

export interface Outcome {
  readonly status: number
  /** Of a route that lets people try: whether it failed. */
  readonly failed: boolean | undefined
}
