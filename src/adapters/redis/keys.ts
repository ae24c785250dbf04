// The names in Redis: all under one hash tag, so that a cluster keeps a fleet on one node and a script may use them together.
import { createHash } from 'node:crypto'

export interface Keys {
  /** String: random, written where it is missing. */
  readonly generation: string
  /** Stream of the newest entries: `id`, `body`. */
  readonly orders: string
  /** Hash: id -> body of every entry that was ever appended; the snapshot. */
  readonly table: string
  /** Hash: gateway -> record. */
  readonly roster: string
  readonly rosterVersion: string
  /** Sorted set: gateway by the version at which its record was put. */
  readonly rosterOrder: string
  /** Hash: gateway -> last heartbeat. */
  readonly beats: string
  /** Hash: gateway -> proof; one for each order, with an expiry. */
  proofsOf(order: string): string
  /** Channel of all gateways. */
  readonly news: string
  /** Of one-time passwords: codes, counts, steps, and what one was used for, each with an expiry. */
  otpOf(what: 'code' | 'count' | 'once' | 'spent', name: string): string
  /** Of a proof of possession, by its hash, with an expiry. */
  proofOf(name: Uint8Array): string
  /** Sorted set: codes that can still be taken, by when they end. */
  readonly otpOpen: string
  /** Stream of what gateways have counted of people: `body`. */
  readonly counts: string
  /** Channel of one gateway. */
  channelOf(gateway: string): string
}

export function createKeys(fleet: string): Keys {
  if (fleet === '') throw new Error('the fleet has no name: its keys in Redis are under it')
  // A brace in the name would move the hash tag.
  const prefix = `portcullis:{${encodeURIComponent(fleet)}}:`
  return {
    generation: `${prefix}generation`,
    orders: `${prefix}orders`,
    table: `${prefix}table`,
    roster: `${prefix}roster`,
    rosterVersion: `${prefix}roster:version`,
    rosterOrder: `${prefix}roster:order`,
    beats: `${prefix}beats`,
    proofsOf: (order) => `${prefix}proofs:${order}`,
    otpOf: (what, name) => `${prefix}otp:${what}:${createHash('sha256').update(name).digest('base64url')}`,
    otpOpen: `${prefix}otp:open`,
    counts: `${prefix}counts`,
    proofOf: (name) => `${prefix}proof:${Buffer.from(name).toString('base64url')}`,
    news: `${prefix}news`,
    channelOf: (gateway) => `${prefix}to:${gateway}`,
  }
}
