// What the data plane decides, as its records come to the main thread: told to whoever listens, and looked into for nobody else.
import { entriesOf } from '../../audit/wal-block.ts'
import type { AuditRecord, RequestRecord } from '../../core/audit-record.ts'
import type { DecisionView, DecisionsEvent } from '../../ports/live-views.ts'

/** Decisions that one tick tells in full; the others are counted. At four ticks a second: 2,000 a second. */
const TOLD_MAX = 500

export interface LiveFeed {
  /** One Int32, shared with the workers: how many listen. */
  readonly listening: SharedArrayBuffer
  /** A durable block of a worker's write-ahead log. Never throws. */
  add(block: Uint8Array): void
  /** Tells what came since the last tick; to be called four times a second. */
  tick(): void
  /** Returns how to stop listening. */
  listen(listener: (event: DecisionsEvent) => void): () => void
}

export function createLiveFeed(): LiveFeed {
  const listeners = new Set<(event: DecisionsEvent) => void>()
  const listening = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  const tellWorkers = (): void => {
    Atomics.store(new Int32Array(listening), 0, listeners.size)
  }
  let told: DecisionView[] = []
  let untold = 0
  return {
    listening,
    add(block) {
      if (listeners.size === 0) return
      for (const entry of entriesOf(Buffer.from(block.buffer, block.byteOffset, block.byteLength))) {
        const text = entry.toString()
        // Cheap to see, so that a flood costs no parsing: an exchange has one outcome.
        if (!text.includes('"phase":"outcome"')) continue
        if (told.length >= TOLD_MAX) untold += 1
        else told.push(...decisionOf(text))
      }
    },
    tick() {
      if (told.length === 0 && untold === 0) return
      const event = { decisions: told, untold }
      told = []
      untold = 0
      for (const listener of listeners) listener(event)
    },
    listen(listener) {
      listeners.add(listener)
      tellWorkers()
      return () => {
        listeners.delete(listener)
        tellWorkers()
        if (listeners.size > 0) return
        told = []
        untold = 0
      }
    },
  }
}

function decisionOf(text: string): readonly DecisionView[] {
  try {
    const record = JSON.parse(text) as AuditRecord
    return record.kind === 'request' ? [viewOf(record)] : []
  } catch {
    return []
  }
}

/** What a record holds is pseudonymised already. */
function viewOf(record: RequestRecord): DecisionView {
  const { time, id, client, method, route, path, decision, reason, lock, status, durationMs, principal } = record
  return {
    ...{ time, id, client, method, path, decision },
    ...(route === undefined ? {} : { route }),
    ...(reason === undefined ? {} : { reason }),
    ...(lock === undefined ? {} : { lock }),
    ...(status === undefined ? {} : { status }),
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(principal === undefined ? {} : { principal }),
    ...(record.session === undefined ? {} : { session: record.session }),
    ...(record.subjects === undefined ? {} : { subjects: record.subjects }),
  }
}
