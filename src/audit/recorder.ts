// A writer's end of the trail: records get their place in the writer's sequence and become the exact bytes that are hashed.
import type { AuditRecord, GapRecord } from '../core/audit-record.ts'
import type { Instant } from '../core/time.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import { encodeMembers } from './encode-record.ts'
import { formatReceipt } from './receipt.ts'
import type { WriteAheadLog } from './write-ahead.ts'

export interface RecorderOptions {
  readonly log: WriteAheadLog
  readonly gateway: string
  readonly worker: string
  /** Milliseconds that only grow, of one origin for all threads: written into each record, so that a clock that was set is seen. */
  readonly monotonicMs: () => number
  /** Something beyond this writer's own log keeps the trail from being kept: then nothing strict is served. Default never. */
  readonly isHeld?: () => boolean
  /** Called with each accepted record, for the metric. */
  readonly onRecord: () => void
  /** Called with each record that was not. */
  readonly onLost: () => void
}

export interface Recorder extends AuditTrail {
  /** For a timer: says what was lost as soon as the trail takes records again. */
  tellLosses(): void
}

interface Losses {
  readonly count: number
  readonly from: Instant
  readonly to: Instant
}

/**
 * Encodes each record as one JSON object (contract, 7): `time` (epoch ms), `mono` (microseconds), `seq`, `gateway` and `worker`
 * first. `seq` counts the records that the log accepted, so that a missing one is seen. What it did not accept is counted, and told
 * by a gap record before the next one that it does.
 */
export function createRecorder(options: RecorderOptions): Recorder {
  const { log, gateway, worker, monotonicMs, onRecord, onLost } = options
  const isHeld = options.isHeld ?? (() => false)
  let last = ''
  const place = `,"gateway":${JSON.stringify(gateway)},"worker":${JSON.stringify(worker)},`
  let seq = 0
  let losses: Losses | undefined
  const write = (record: AuditRecord): number | undefined => {
    const mono = Math.round(monotonicMs() * 1000)
    const entry = `{"time":${record.time},"mono":${mono},"seq":${seq}${place}${encodeMembers(record)}`
    const ticket = appendWithin(log, entry)
    if (ticket === undefined) return undefined
    seq += 1
    last = entry
    onRecord()
    return ticket
  }
  const tellLosses = (): void => {
    if (losses === undefined || !log.healthy) return
    if (write(gapOf(losses)) !== undefined) losses = undefined
  }
  return {
    receipts: {
      get last() {
        return last
      },
      of: (entry) => formatReceipt(gateway, entry),
    },
    append(record) {
      if (losses !== undefined) tellLosses()
      const ticket = write(record)
      if (ticket !== undefined) return ticket
      losses = { count: (losses?.count ?? 0) + 1, from: losses?.from ?? record.time, to: record.time }
      onLost()
      return undefined
    },
    durable: (ticket) => log.durable(ticket),
    onDurable: (ticket, told) => {
      log.onDurable(ticket, told)
    },
    get healthy() {
      return log.healthy && !isHeld()
    },
    tellLosses,
  }
}

function gapOf({ count, from, to }: Losses): GapRecord {
  return { kind: 'gap', time: to, lost: count, reason: 'the trail could not be written', from, to }
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
