// Orders on their way out: to the store, and past it to each peer's control plane.
import type { FleetRoster } from '../../core/fleet-roster.ts'
import type { Heartbeat } from '../../core/fleet-messages.ts'
import { ENTRIES_MAX } from '../../core/fleet-limits.ts'
import type { Clock } from '../../ports/clock.ts'
import type { FleetEntry, FleetStore } from '../../ports/fleet-store.ts'
import type { Logger } from '../../ports/logger.ts'
import type { PeerLink } from '../../ports/peer-link.ts'
import { settledWithin } from '../within.ts'
import { bodiesOf } from './intake.ts'
import type { Shelf } from './shelf.ts'

export interface CourierDeps {
  readonly store: FleetStore
  readonly peers: PeerLink
  readonly roster: FleetRoster
  readonly shelf: Shelf
  readonly clock: Clock
  readonly logger: Logger
  readonly leaseMs: number
}

export interface Courier {
  /** An order that was accepted here, or came from a peer while the store may be away. */
  announce(entry: FleetEntry, isOwn: boolean): void
  /** All that is here, to a store that may have lost it. */
  redeliver(): void
  /** What a peer lacks for longer than the store takes. */
  mend(heartbeat: Heartbeat): void
}

/** Beyond so many peers each is posted to only where the store has not taken the order at once. */
const POSTED_ALWAYS_MAX = 32
const STORE_IS_QUICK_MS = 100

export function createCourier(deps: CourierDeps): Courier {
  const { store, peers, roster, shelf, clock, logger, leaseMs } = deps
  const laggards = new Map<string, number>()
  let isRedelivering = false

  const append = async (entries: readonly FleetEntry[]): Promise<void> => {
    for (let from = 0; from < entries.length; from += ENTRIES_MAX)
      await store.append(entries.slice(from, from + ENTRIES_MAX))
  }
  const post = async (address: string | undefined, entries: readonly FleetEntry[]): Promise<void> => {
    if (address === undefined) return
    try {
      await peers.post(address, bodiesOf(entries))
    } catch (error) {
      logger.debug('a peer could not be told of an order', {
        address,
        error: error instanceof Error ? error.message : String(error),
      })
    }
  }
  return {
    announce(entry, isOwn) {
      const stored = append([entry])
      stored.catch((error: unknown) => {
        logger.warn('the store has not taken an order: it is delivered when it is back', {
          entry: entry.id,
          error: error instanceof Error ? error.message : String(error),
        })
      })
      if (!isOwn) return
      void (async () => {
        const isFew = roster.peers.length <= POSTED_ALWAYS_MAX
        if (!isFew && (await settledWithin(stored, STORE_IS_QUICK_MS)) === 'done') return
        await Promise.all(roster.peers.map(({ address }) => post(address, [entry])))
      })()
    },
    redeliver() {
      if (isRedelivering) return
      isRedelivering = true
      append(shelf.all)
        .catch(() => undefined) // The next contact, or a peer that lacks something, asks for it again.
        .finally(() => {
          isRedelivering = false
        })
    },
    mend({ gateway, have, isPartial }) {
      const lacked = shelf.lackedBy(have, isPartial)
      const nowMs = clock.monotonicMs()
      const sinceMs = laggards.get(gateway)
      if (lacked.length === 0) laggards.delete(gateway)
      else if (sinceMs === undefined) laggards.set(gateway, nowMs)
      else if (nowMs - sinceMs >= leaseMs / 2) {
        laggards.set(gateway, nowMs)
        append(lacked).catch(() => undefined)
        void post(roster.member(gateway)?.address, lacked.slice(0, ENTRIES_MAX))
      }
    },
  }
}
