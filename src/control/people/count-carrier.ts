// What each gateway of a fleet has counted of people reaches the others: off the request path, a second late at most, authenticated by
// the fleet's secret. Where it does not, each keeps to its share of every budget: stricter, never open.
import { canonicalJson } from '../../core/canonical-json.ts'
import { isFields } from '../../core/message-shapes.ts'
import type { CountStore } from '../../ports/count-store.ts'
import type { FleetSeal } from '../../ports/fleet-seal.ts'
import type { Logger } from '../../ports/logger.ts'

/** Bytes of one message before it is written as text twice over (BODY_BYTES_MAX). */
export const COUNTED_BYTES_MAX = 64_000
/** Messages that wait for a store that is away; of more the oldest go. */
const WAITING_MAX = 500
const AT_ONCE_MAX = 16
const PAGES_MAX = 200
/** Older counts are of no window. */
const DAY_SECONDS = 86_400

export interface Counted {
  readonly kind: 'deltas' | 'sketches'
  /** COUNTED_BYTES_MAX at most. */
  readonly bytes: Uint8Array
}

export interface CountCarrierDeps {
  readonly store: CountStore
  readonly seal: FleetSeal
  readonly logger: Logger
  /** Of the key by which people are named: counts under another one mean nobody here. */
  readonly keyId: string
  readonly monotonicMs: () => number
  /** Seconds of the clock by which people are counted; the gateways' agree as far as their clocks do. */
  readonly second: () => number
  /** Without an answer for so long the store is lost. */
  readonly lostAfterMs: number
  /** What has been counted here since the last time. */
  readonly collect: () => readonly Counted[]
  /** What another gateway has counted at `then`. */
  readonly apply: (counted: Counted, then: number) => void
  /** Gateways of the fleet that serve, this one included, whether they are heard or not. */
  readonly gateways: () => number
  /** By how many each budget is to be divided now: told at first, and whenever it changes. */
  readonly onSharers: (gateways: number) => void
}

export interface CountCarrier {
  /** One exchange with the store; for the caller's timer. Never rejects. */
  look(): Promise<void>
  /** Whether the counts of the fleet meet here. */
  readonly isTogether: boolean
}

export function createCountCarrier(deps: CountCarrierDeps): CountCarrier {
  const { store, seal, logger } = deps
  const waiting: string[] = []
  const strangers = new Set<string>()
  let cursor = ''
  /** When all that the store had was last read. */
  let heardMs: number | undefined
  let sharers: number | undefined
  let wasTogether: boolean | undefined

  const isTogether = (): boolean => heardMs !== undefined && deps.monotonicMs() - heardMs <= deps.lostAfterMs

  const tell = (): void => {
    const together = isTogether()
    const now = together ? 1 : Math.max(1, deps.gateways())
    if (now !== sharers) deps.onSharers(now)
    sharers = now
    if (together === wasTogether) return
    wasTogether = together
    if (together) logger.info('people are counted over the whole fleet')
    else logger.warn('people are counted by each gateway for itself: each keeps to its share', { gateways: now })
  }

  const take = (body: string): void => {
    const opened = seal.open('counts', body)
    if (opened === undefined) return
    // What this gateway has told is what it knows, but for what a restart made it forget.
    if (opened.gateway === seal.gateway && heardMs !== undefined) return
    const read = readCounted(opened.payload)
    const now = deps.second()
    if (read === undefined || read.at < now - DAY_SECONDS) return
    if (read.keyId !== deps.keyId) {
      if (!strangers.has(opened.gateway))
        logger.error('a gateway of the fleet names people by another key: audit.pseudonyms.keyFile must be the same', {
          gateway: opened.gateway,
        })
      strangers.add(opened.gateway)
      return
    }
    deps.apply(read.counted, Math.min(read.at, now))
  }

  const exchange = async (): Promise<void> => {
    for (let page = 0; page < PAGES_MAX; page++) {
      const mine = waiting.slice(0, AT_ONCE_MAX)
      const answer = await store.exchange(cursor, mine)
      waiting.splice(0, mine.length)
      cursor = answer.cursor
      for (const body of answer.bodies) take(body)
      if (answer.isMore || waiting.length > 0) continue
      heardMs = deps.monotonicMs()
      return
    }
  }

  return {
    get isTogether() {
      return isTogether()
    },
    async look() {
      for (const { kind, bytes } of deps.collect()) {
        const words = { at: deps.second(), keyId: deps.keyId, kind, counted: Buffer.from(bytes).toString('base64') }
        waiting.push(seal.seal('counts', canonicalJson(words)))
      }
      waiting.splice(0, Math.max(0, waiting.length - WAITING_MAX))
      try {
        await exchange()
      } catch (error) {
        logger.debug('counts could not be exchanged', { error: error instanceof Error ? error.message : String(error) })
      }
      tell()
    },
  }
}

function readCounted(
  payload: unknown,
): { readonly at: number; readonly keyId: unknown; readonly counted: Counted } | undefined {
  if (!isFields(payload)) return undefined
  const { at, keyId, kind, counted } = payload
  if (typeof at !== 'number' || !Number.isSafeInteger(at) || typeof counted !== 'string') return undefined
  if (kind !== 'deltas' && kind !== 'sketches') return undefined
  const bytes = Uint8Array.from(Buffer.from(counted, 'base64'))
  return bytes.length > COUNTED_BYTES_MAX ? undefined : { at, keyId, counted: { kind, bytes } }
}
