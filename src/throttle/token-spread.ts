// S7 (OAT-019 account takeover): one token at many addresses. A phone changes its address all the time, inside one or two networks.
import { createCellMemory, createCells, type CellMemory, type Cells } from './cells.ts'
import { DELTA, type OnDelta } from './deltas.ts'
import type { Facts } from './facts.ts'
import type { Key } from './key.ts'
import { ordinal, type Finding } from './finding.ts'

const NAME = 'token-spread'
const PLACES = 6
const NETWORKS_MAX = 2
const NETWORK_SECONDS = 600
const ADDRESSES_MAX = 5
const ADDRESS_SECONDS = 300
/** Slower sharing is told by several networks beside as many addresses. */
const SLOW_SECONDS = 3_600
const DAY_SECONDS = 86_400

/** Of each place: address; network and when, in units of four seconds, in 16 bits each. Then since when a step-up is asked for, and whether the token is at an end. */
const STEP_UP = 2 * PLACES
const UNIT_SECONDS = 4
const ENDED = STEP_UP + 1

export function createSpreadMemory(cells: number): CellMemory {
  return createCellMemory({ cells, words: ENDED + 1, ttlSeconds: DAY_SECONDS })
}

export interface TokenSpread {
  judge(facts: Facts): Finding | undefined
  /** Another gateway has seen the token at this place. */
  merge(token: Key, second: number, place: Place): void
}

interface Place {
  readonly address: number
  readonly network: number
  /** In seconds. */
  readonly then: number
}

export function createTokenSpread(memory: CellMemory, thread: number, onDelta?: OnDelta): TokenSpread {
  return new Spread(memory, thread, onDelta)
}

class Spread implements TokenSpread {
  readonly #cells: Cells
  readonly #words: Int32Array
  readonly #onDelta: OnDelta | undefined

  constructor(memory: CellMemory, thread: number, onDelta: OnDelta | undefined) {
    this.#onDelta = onDelta
    this.#cells = createCells(memory, thread)
    this.#words = this.#cells.words
  }

  /** Notes the place; true where it was known. */
  #note(at: number, second: number, address: number, network: number, then = second): boolean {
    const stamp = ((network & 0xffff) << 16) | (Math.floor(then / UNIT_SECONDS) & 0xffff)
    let oldest = at
    let age = -1
    for (let place = at; place < at + STEP_UP; place += 2) {
      if (this.#words[place] === address) {
        if (this.#ageOf(place, second) >= second - then) this.#words[place + 1] = stamp
        return true
      }
      const old = this.#words[place] === 0 ? Infinity : this.#ageOf(place, second)
      if (old <= age) continue
      age = old
      oldest = place
    }
    this.#words[oldest] = address
    this.#words[oldest + 1] = stamp
    return false
  }

  #ageOf(place: number, second: number): number {
    const stamp = this.#words[place + 1] ?? 0
    return UNIT_SECONDS * ((Math.floor(second / UNIT_SECONDS) - stamp) & 0xffff)
  }

  #spread(at: number, second: number, seconds: number): { addresses: number; networks: number } {
    const networks: number[] = []
    let addresses = 0
    for (let place = at; place < at + STEP_UP; place += 2) {
      if (this.#words[place] === 0 || this.#ageOf(place, second) > seconds) continue
      addresses += 1
      const network = (this.#words[place + 1] ?? 0) >>> 16
      if (!networks.includes(network)) networks.push(network)
    }
    return { addresses, networks: networks.length }
  }

  #findingOf(answer: 'step-up' | 'revoke', value: number, facts: Facts, at: number): Finding {
    const since = this.#words[at + STEP_UP] ?? 0
    const isEnd = answer === 'revoke'
    const sentence = isEnd
      ? `${ordinal(value)} address of one token, limit ${ADDRESSES_MAX}, built in`
      : `${ordinal(value)} network of one token in 10 minutes, limit ${NETWORKS_MAX}, built in`
    return {
      detector: NAME,
      answer,
      threat: 'OAT-019',
      key: 'session',
      retryAfterMs: 60_000,
      value,
      limit: isEnd ? ADDRESSES_MAX : NETWORKS_MAX,
      sinceMs: facts.wallMs - (facts.second - since) * 1000,
      sentence,
    }
  }

  judge(facts: Facts): Finding | undefined {
    const { session, second } = facts
    if (session === undefined) return undefined
    return this.#cells.with(session, second, (at): Finding | undefined => {
      const known = this.#note(at, second, facts.address.low, facts.network)
      if (!known) this.#onDelta?.(DELTA.place, session, facts.address.low, facts.network & 0xffff)
      if (this.#words[at + ENDED] !== 0) return this.#findingOf('revoke', this.#words[at + ENDED] ?? 0, facts, at)
      if (!known) {
        const soon = this.#spread(at, second, ADDRESS_SECONDS)
        const slow = this.#spread(at, second, SLOW_SECONDS)
        const count = Math.max(soon.addresses, slow.networks > NETWORKS_MAX ? slow.addresses : 0)
        if (count > ADDRESSES_MAX) {
          this.#words[at + ENDED] = count
          this.#cells.flag(at, second + DAY_SECONDS)
          return this.#findingOf('revoke', count, facts, at)
        }
        if (this.#spread(at, second, NETWORK_SECONDS).networks > NETWORKS_MAX) this.#words[at + STEP_UP] = second
      }
      const since = this.#words[at + STEP_UP] ?? 0
      const asked = since !== 0 && second - since <= SLOW_SECONDS
      return asked
        ? this.#findingOf('step-up', Math.max(3, this.#spread(at, second, NETWORK_SECONDS).networks), facts, at)
        : undefined
    })
  }

  merge(token: Key, second: number, { address, network, then }: Place): void {
    if (second - then > SLOW_SECONDS) return
    this.#cells.with(token, second, (at) => {
      this.#note(at, second, address, network, then)
    })
  }
}
