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
  /** Seconds between the two that differ most; undefined where fewer than two answered. */
  readonly spreadSeconds: number | undefined
  /** Off by more than the alarm, servers that differ by more than it, or nobody to ask. */
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
  let spreadMs: number | undefined
  let problems: readonly string[] = []
  return {
    async look() {
      const { servers, alarmMs } = config()
      if (servers.length === 0) return
      const options = { now: () => clock.now(), monotonicMs: () => clock.monotonicMs(), timeoutMs: TIMEOUT_MS }
      const readings = await Promise.all(servers.map((server) => askTime(server, options)))
      const offsets = offsetsOf(readings)
      offsetMs = middleOf(offsets)
      spreadMs = spreadOf(offsets)
      const before = problems.length
      problems = problemsOf(offsetMs, spreadMs, alarmMs)
      trail.append({ kind: 'clock', time: clock.now(), readings, alarm: problems.length > 0 })
      if (problems.length > 0)
        logger.error('THE CLOCK CANNOT BE RELIED ON: times in the trail may be wrong', { problems, readings })
      else if (before > 0) logger.info('the clock tells the time again', { offsetMs })
    },
    get offsetSeconds() {
      return offsetMs === undefined ? undefined : offsetMs / 1000
    },
    get spreadSeconds() {
      return spreadMs === undefined ? undefined : spreadMs / 1000
    },
    get problems() {
      return problems
    },
  }
}

/** The least first. */
function offsetsOf(readings: readonly ClockReading[]): readonly number[] {
  return readings.flatMap(({ offsetMs }) => offsetMs ?? []).sort((a, b) => a - b)
}

/** The middle one: of three servers one may lie. */
function middleOf(offsets: readonly number[]): number | undefined {
  return offsets[(offsets.length - 1) >> 1]
}

function spreadOf(offsets: readonly number[]): number | undefined {
  const [least, ...others] = offsets
  const most = others.at(-1)
  return least === undefined || most === undefined ? undefined : most - least
}

/** Of two servers that differ nobody can tell which is right; of three one is wrong, and the next that fails leaves two. */
function problemsOf(offsetMs: number | undefined, spreadMs: number | undefined, alarmMs: number): readonly string[] {
  if (offsetMs === undefined) return ['clock: no time server has answered']
  const problems: string[] = []
  if (Math.abs(offsetMs) > alarmMs)
    problems.push(`clock: it is ${inSeconds(offsetMs)} s ${offsetMs > 0 ? 'slow' : 'fast'} by the time servers`)
  if (spreadMs !== undefined && spreadMs > alarmMs)
    problems.push(`clock: the time servers differ by ${inSeconds(spreadMs)} s: one of them is wrong`)
  return problems
}

function inSeconds(ms: number): string {
  return Math.abs(ms / 1000).toFixed(3)
}
