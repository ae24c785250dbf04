// The slow half of verification: the key, the signature, the session; bounded, so that a flood is answered and not queued.
import type { Session } from '../../core/session.ts'
import type { Pseudonyms } from '../../ports/pseudonyms.ts'
import type { Verification } from '../../ports/token-verifier.ts'
import { openSession, type ClaimRules } from './claims.ts'
import { findKey, type VerificationKey } from './key-set.ts'
import type { KeySource } from './key-source.ts'
import { isSignedBy, type UnverifiedToken } from './token.ts'

export interface JudgeOptions {
  readonly clockToleranceMs: number
  readonly pseudonyms: Pseudonyms
  readonly claims?: readonly string[]
  readonly pendingMax?: number
}

export interface Judgement {
  readonly parsed: UnverifiedToken
  readonly rules: ClaimRules
  readonly source: KeySource
}

export type Refusal = Extract<Verification, { refused: unknown }>
export type Proven = { readonly session: Session; readonly key: VerificationKey }

const PENDING_MAX = 1024
const WAITING_MAX = 1024
const EARLY_MAX = 4
/** In libuv's pool at one time. It is the process's: what syncs the trail must not wait behind a flood, but behind these. */
const IN_POOL_MAX = 8

/** First in, first out, in constant time on average. */
class Queue<T> {
  #items: T[] = []
  #at = 0

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    const item = this.#items[this.#at]
    if (item === undefined) return undefined
    this.#at += 1
    // Also where it never runs empty it holds no more than twice what waits.
    if (2 * this.#at >= this.#items.length) {
      this.#items = this.#items.slice(this.#at)
      this.#at = 0
    }
    return item
  }
}

/** Takes tokens whose header and claims have passed. Never rejects. */
export function createJudge(options: JudgeOptions): (judgement: Judgement) => Promise<Proven | Refusal> {
  const pendingMax = options.pendingMax ?? PENDING_MAX
  let verifying = 0
  let waiting = 0

  let inPool = 0
  const queue = new Queue<() => void>()

  const holds = async (parsed: UnverifiedToken, key: VerificationKey): Promise<boolean> => {
    verifying += 1
    if (inPool < IN_POOL_MAX) inPool += 1
    else {
      await new Promise<void>((resolve) => {
        queue.push(resolve)
      })
    }
    try {
      return await isSignedBy(parsed, key)
    } finally {
      verifying -= 1
      // The place goes on to who waits longest.
      const next = queue.shift()
      if (next === undefined) inPool -= 1
      else next()
    }
  }

  /** Those who wait for keys are counted apart: anybody can invent a kid, and must not take the places of those whose key is here. */
  const obtainKey = async (source: KeySource, { alg, kid }: UnverifiedToken): Promise<VerificationKey | Refusal> => {
    let key = findKey(source.keys, alg, kid)
    if (key === undefined) {
      if (waiting >= WAITING_MAX) return unavailable('too many tokens wait for keys')
      waiting += 1
      await source.renew()
      waiting -= 1
      key = findKey(source.keys, alg, kid)
    }
    if (key === 'ambiguous') return invalid('more than one key could have signed it')
    if (key !== undefined) return key
    return source.isDoubtful
      ? unavailable('the keys of its issuer cannot be had')
      : invalid('its key is not one of the issuer')
  }

  return async ({ parsed, rules, source }) => {
    const key = await obtainKey(source, parsed)
    if ('refused' in key) return key
    if (verifying >= pendingMax) return unavailable('too many tokens are being verified')
    const held = holds(parsed, key)
    const { claims, signingInput } = parsed
    const open = (): Session => {
      const facts = { claims, signingInput, rules, toleranceMs: options.clockToleranceMs, keep: options.claims }
      return openSession(facts, options.pseudonyms)
    }
    // While another thread verifies this one has nothing to do, unless there are many: then nothing is done for those who are refused.
    const early = verifying <= EARLY_MAX ? open() : undefined
    if (!(await held)) return invalid('its signature does not hold')
    if (key.retired) return invalid('its key was withdrawn')
    return { session: early ?? open(), key }
  }
}

export function invalid(detail: string): Refusal {
  return { refused: 'invalid', detail }
}

function unavailable(detail: string): Refusal {
  return { refused: 'unavailable', detail }
}
