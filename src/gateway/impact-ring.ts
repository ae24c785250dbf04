// The last fifteen minutes of requests that were let through, so that it can be asked beforehand what a lock would refuse. Bounded:
// in each slice of time all requests are kept up to a number, and beyond it a fair sample (Vitter's algorithm R, 1985).
import { IMPACT_WINDOW_MS, type Sample } from '../core/impact.ts'
import type { Route } from '../core/route.ts'
import type { Instant } from '../core/time.ts'
import type { Exchange } from './exchange.ts'

const SLICE_MS = 15_000
/** The window, and the slice that is being filled. */
const SLICES = IMPACT_WINDOW_MS / SLICE_MS + 1
/** Exact up to some 34 requests a second of a worker; all slices together take some 12 MiB at most. */
const SLICE_SAMPLES = 512
const TEXTS_MAX = 4096

export interface Slice {
  readonly from: Instant
  /** Requests that came, of which `samples` are those kept. */
  count: number
  readonly samples: Sample[]
}

export class ImpactRing {
  readonly #slices: (Slice | undefined)[] = new Array<Slice | undefined>(SLICES).fill(undefined)
  #current: Slice = { from: -Infinity, count: 0, samples: [] }
  #until = -Infinity
  #seed: number
  readonly #texts = new Map<string, string>()

  /** `seed`: any whole number. */
  constructor(seed: number) {
    this.#seed = seed | 1
  }

  /** Once for each request, when it is let through. */
  note(exchange: Exchange, route: Route): void {
    if (exchange.isNoted || exchange.isCanary) return
    exchange.isNoted = true
    const at = exchange.startedAt
    if (at >= this.#until || at < this.#current.from) this.#turn(at)
    const slice = this.#current
    slice.count += 1
    if (slice.samples.length < SLICE_SAMPLES) slice.samples.push(this.#sampleOf(exchange, route, at))
    else {
      const place = this.#below(slice.count)
      if (place < SLICE_SAMPLES) slice.samples[place] = this.#sampleOf(exchange, route, at)
    }
  }

  /** Those that overlap the time, the oldest first. */
  between(from: Instant, to: Instant): readonly Slice[] {
    return this.#slices
      .filter((slice) => slice !== undefined && slice.from < to && slice.from + SLICE_MS > from)
      .toSorted((a, b) => (a?.from ?? 0) - (b?.from ?? 0)) as readonly Slice[]
  }

  /** A wall clock that was stepped begins a slice of its own. */
  #turn(at: Instant): void {
    const number = Math.floor(at / SLICE_MS)
    this.#current = { from: number * SLICE_MS, count: 0, samples: [] }
    this.#until = this.#current.from + SLICE_MS
    const place = ((number % SLICES) + SLICES) % SLICES
    const before = this.#slices[place]
    if (before?.from === this.#current.from) this.#current = before
    else this.#slices[place] = this.#current
  }

  #sampleOf(exchange: Exchange, route: Route, at: Instant): Sample {
    const { session, subjects, method, address } = exchange
    const common = {
      at,
      route,
      method,
      isTunnel: exchange.upgrade !== undefined,
      address: this.#kept(address),
      userAgent: this.#kept(exchange.request.fields.first('user-agent') ?? ''),
      subjects,
    }
    return session === undefined
      ? common
      : { ...common, principal: session.principal, session: session.session, clients: session.clients }
  }

  /** A copy of its own: a text that was cut out of a head would keep all of the head in memory. */
  #kept(text: string): string {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    const copy = Buffer.from(text.slice(0, 256), 'latin1').toString('latin1')
    if (this.#texts.size >= TEXTS_MAX) this.#texts.clear()
    this.#texts.set(copy, copy)
    return copy
  }

  /** Evenly from 0 up to `count` (xorshift32): which request is kept is no secret. */
  #below(count: number): number {
    let seed = this.#seed
    seed ^= seed << 13
    seed ^= seed >>> 17
    seed ^= seed << 5
    this.#seed = seed
    return Math.floor(((seed >>> 0) / 4294967296) * count)
  }
}
