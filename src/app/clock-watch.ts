// Whether this clock tells the time: asked of the configured servers, recorded in the trail, and said loudly where it is off.
import { askTime } from '../adapters/node/sntp.ts'
import type { Config } from '../config/config.ts'
import type { ClockReading } from '../core/audit-record.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'

const TIMEOUT_MS = 3_000

export interface ClockWatch {
  /** Asks all servers at once. */
  look(): Promise<void>
  /** Seconds, of the servers that answered last time, the middle one; undefined where none did. */
  readonly offsetSeconds: number | undefined
  /** Off by more than the alarm, or nobody to ask. */
  readonly problems: readonly string[]
}

export interface ClockWatchDeps {
  readonly clock: Clock
  readonly trail: AuditTrail
  readonly logger: Logger
  readonly config: () => Config['audit']['clock']
}

export function createClockWatch({ clock, trail, logger, config }: ClockWatchDeps): ClockWatch {
  let offsetMs: number | undefined
  let problems: readonly string[] = []
  return {
    async look() {
      const { servers, alarmMs } = config()
      if (servers.length === 0) return
      const options = { now: () => clock.now(), monotonicMs: () => clock.monotonicMs(), timeoutMs: TIMEOUT_MS }
      const readings = await Promise.all(servers.map((server) => askTime(server, options)))
      offsetMs = middleOf(readings)
      const before = problems.length
      problems = problemsOf(offsetMs, alarmMs)
      trail.append({ kind: 'clock', time: clock.now(), readings, alarm: problems.length > 0 })
      if (problems.length > 0)
        logger.error('THE CLOCK CANNOT BE RELIED ON: times in the trail may be wrong', { problems, readings })
      else if (before > 0) logger.info('the clock tells the time again', { offsetMs })
    },
    get offsetSeconds() {
      return offsetMs === undefined ? undefined : offsetMs / 1000
    },
    get problems() {
      return problems
    },
  }
}

/** The middle one: of three servers one may lie. */
function middleOf(readings: readonly ClockReading[]): number | undefined {
  const offsets = readings.flatMap((each) => (each.offsetMs === undefined ? [] : [each.offsetMs])).sort((a, b) => a - b)
  return offsets[(offsets.length - 1) >> 1]
}

function problemsOf(offsetMs: number | undefined, alarmMs: number): readonly string[] {
  if (offsetMs === undefined) return ['clock: no time server has answered']
  if (Math.abs(offsetMs) <= alarmMs) return []
  return [
    `clock: it is ${Math.abs(offsetMs / 1000).toFixed(3)} s ${offsetMs > 0 ? 'slow' : 'fast'} by the time servers`,
  ]
}
