// What detectors have found lately, for whoever looks; the trail keeps all of it for good.
import type { AnomalyRecord } from '../../core/audit-record.ts'
import type { Instant } from '../../core/time.ts'

const KEPT_MAX = 2_000

interface NotedAnomaly {
  readonly anomaly: AnomalyRecord
  /** How often this caller and detector met, since the first. */
  count: number
  lastAt: Instant
}

export interface AnomalyBook {
  readonly note: (anomaly: AnomalyRecord) => void
  /** The latest first, without those that are snoozed. */
  list(now: Instant): readonly NotedAnomaly[]
  find(id: string): NotedAnomaly | undefined
  listen(hear: (anomaly: AnomalyRecord) => void): () => void
  /** One has been seen: it is no longer listed; with `until`, nor are others of its caller and detector before then. */
  close(id: string, until?: Instant): boolean
}

export function createAnomalyBook(): AnomalyBook {
  const noted = new Map<string, NotedAnomaly>()
  const snoozed = new Map<string, Instant>()
  const listeners = new Set<(anomaly: AnomalyRecord) => void>()
  const nameOf = ({ detector, answer, principal, client }: AnomalyRecord): string =>
    `${detector}\0${answer}\0${principal ?? client}`
  const find = (id: string): NotedAnomaly | undefined => [...noted.values()].find(({ anomaly }) => anomaly.id === id)
  return {
    note(anomaly) {
      const name = nameOf(anomaly)
      const before = noted.get(name)
      noted.delete(name)
      noted.set(name, { anomaly, count: (before?.count ?? 0) + 1, lastAt: anomaly.time })
      for (const oldest of noted.keys()) {
        if (noted.size <= KEPT_MAX) break
        noted.delete(oldest)
      }
      for (const hear of listeners) hear(anomaly)
    },
    list: (now) => [...noted.values()].filter(({ anomaly }) => (snoozed.get(nameOf(anomaly)) ?? 0) <= now).reverse(),
    find,
    listen(hear) {
      listeners.add(hear)
      return () => listeners.delete(hear)
    },
    close(id, until) {
      const found = find(id)
      if (found === undefined) return false
      const name = nameOf(found.anomaly)
      noted.delete(name)
      if (until !== undefined) snoozed.set(name, until)
      return true
    },
  }
}
