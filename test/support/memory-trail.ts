// A trail in memory: keeps every record, and is durable when the test says so.
import type { AuditRecord, RequestRecord } from '../../src/core/audit-record.ts'
import type { AuditTrail } from '../../src/ports/audit-trail.ts'
import { toldBy } from './told.ts'

/** `sync`: durable at once. `hold`: when the test releases it. `hang`: never. `reject`: never, and it says so. `full`: not taken at all. */
export type TrailMode = 'sync' | 'hold' | 'hang' | 'reject' | 'full'

export interface MemoryTrail extends AuditTrail {
  readonly records: readonly AuditRecord[]
  readonly requests: readonly RequestRecord[]
  mode: TrailMode
  /** Only records of this phase are subject to `mode`; the others are durable at once. */
  only: RequestRecord['phase'] | undefined
  /** Makes everything that is held durable. */
  release(): void
  /** Fails everything that is held. */
  fail(): void
  /** Tickets whose durability has been asked for and not given. */
  readonly held: number
  /** Resolves once so many records have been appended. */
  appended(count: number): Promise<void>
  /** Resolves once `durable` has been asked of so many held records. */
  waitedFor(count: number): Promise<void>
  onAppend: ((record: AuditRecord) => void) | undefined
}

export function createMemoryTrail(): MemoryTrail {
  const records: AuditRecord[] = []
  const waiting = new Set<() => void>()
  let held: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = []
  let asked = 0
  const when = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!holds()) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  const wake = (): void => {
    for (const check of [...waiting]) check()
  }
  const trail: MemoryTrail = {
    records,
    get requests() {
      return records.filter((record) => record.kind === 'request')
    },
    mode: 'sync',
    only: undefined,
    onAppend: undefined,
    healthy: true,
    get held() {
      return held.length
    },
    append(record) {
      trail.onAppend?.(record)
      const applies = trail.only === undefined || (record.kind === 'request' && record.phase === trail.only)
      if (trail.mode === 'full' && applies) return undefined
      records.push(record)
      wake()
      return records.length - 1
    },
    durable(ticket) {
      const record = records[ticket]
      const applies = trail.only === undefined || (record?.kind === 'request' && record.phase === trail.only)
      if (!applies || trail.mode === 'sync') return Promise.resolve()
      if (trail.mode === 'reject') return Promise.reject(new Error('the disk is full'))
      asked += 1
      const promise = new Promise<void>((resolve, reject) => {
        held.push({ resolve, reject })
      })
      wake()
      return promise
    },
    onDurable: toldBy((ticket) => trail.durable(ticket)),
    release() {
      const all = held
      held = []
      for (const { resolve } of all) resolve()
    },
    fail() {
      const all = held
      held = []
      for (const { reject } of all) reject(new Error('the disk is full'))
    },
    appended: (count) => when(() => records.length >= count),
    waitedFor: (count) => when(() => asked >= count),
  }
  return trail
}
