// A look at everybody: each beat reads the neighbours alone, whose number does not grow with the fleet.
import type { Moment } from '../../core/fleet-lease.ts'
import type { FleetRoster } from '../../core/fleet-roster.ts'
import type { Clock } from '../../ports/clock.ts'
import type { FleetStore } from '../../ports/fleet-store.ts'
import { momentOf, type FleetLink } from './link.ts'

export interface WholeLook {
  /** Reads everybody's heartbeat, unless that was done just now. Never rejects: the beat says that the store does not answer. */
  refresh(): Promise<void>
  /** When everybody was last read, as things stood in the store then. */
  readonly readAt: Moment | undefined
}

export interface WholeLookDeps {
  readonly store: FleetStore
  readonly roster: FleetRoster
  readonly link: FleetLink
  readonly clock: Clock
  readonly leaseMs: number
}

export function createWholeLook({ store, roster, link, clock, leaseMs }: WholeLookDeps): WholeLook {
  /** What each said last: of what has not changed nothing is checked again. */
  const texts = new Map<string, string>()
  let readAt: Moment | undefined
  let reading: Promise<void> | undefined
  const read = async (): Promise<void> => {
    try {
      const found = await store.heartbeats()
      readAt = momentOf(clock)
      for (const [gateway, text] of found) {
        if (texts.get(gateway) === text) continue
        texts.set(gateway, text)
        link.overhear(text)
      }
    } catch {
      // As it was.
    } finally {
      reading = undefined
    }
  }
  return {
    refresh() {
      // In a small fleet each beat reads everybody.
      if (roster.peers.length <= roster.neighbours.length) return Promise.resolve()
      if (readAt !== undefined && clock.monotonicMs() - readAt.monotonicMs < leaseMs / 4) return Promise.resolve()
      reading ??= read()
      return reading
    },
    get readAt() {
      return readAt
    },
  }
}
