// A writer's end of the trail: records get their place in the writer's sequence and become the exact bytes that are hashed.
import type { AuditTrail } from '../ports/audit-trail.ts'
import { encodeMembers } from './encode-record.ts'
import { formatReceipt } from './receipt.ts'
import type { WriteAheadLog } from './write-ahead.ts'

export interface RecorderOptions {
  readonly log: WriteAheadLog
  readonly gateway: string
  readonly worker: string
  /** Called with each accepted record, for the metric. */
  readonly onRecord: () => void
}

/**
 * Encodes each record as one JSON object (contract, 7): `time`, `seq`, `kind`, `gateway` and `worker` first. `seq` counts the
 * records that the log accepted, so that a missing one is seen.
 */
export function createRecorder({ log, gateway, worker, onRecord }: RecorderOptions): AuditTrail {
  let seq = 0
  let last = ''
  const place = `,"gateway":${JSON.stringify(gateway)},"worker":${JSON.stringify(worker)},`
  return {
    receipts: {
      get last() {
        return last
      },
      of: (entry) => formatReceipt(gateway, entry),
    },
    append(record) {
      const entry = `{"time":${record.time},"seq":${seq}${place}${encodeMembers(record)}`
      const ticket = appendWithin(log, entry)
      if (ticket === undefined) return undefined
      seq += 1
      last = entry
      onRecord()
      return ticket
    },
    durable: (ticket) => log.durable(ticket),
    get healthy() {
      return log.healthy
    },
  }
}

/** A record that is longer than an entry may be is not accepted, as one that finds no room. */
function appendWithin(log: WriteAheadLog, entry: string): number | undefined {
  try {
    return log.append(entry)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
