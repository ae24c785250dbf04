// How this gateway stands beside its locks: whether its trail can be written, and where its clock is.
import type { ClockStanding, GatewayCondition } from '../core/fleet-messages.ts'
import type { ClockReading } from '../core/worker-statement.ts'
import type { Parts } from './parts.ts'

export function trailProblems({ trail, pool }: Pick<Parts, 'trail' | 'pool'>): readonly string[] {
  return [...trail.problems(), ...(pool?.trailProblems ?? []).map((problem) => `audit trail: ${problem}`)]
}

/** `reading`: of a fleet, what was measured against its store and its neighbours. */
export function conditionOf(parts: Pick<Parts, 'trail' | 'pool'>, reading?: ClockReading): GatewayCondition {
  const clock = standingOf(parts.trail.evidence.clock.offsetSeconds, reading)
  return {
    trail: trailProblems(parts).length === 0 ? 'healthy' : 'failing',
    ...(clock === undefined ? {} : { clock }),
  }
}

/** Time servers tell it best; then what everybody in the fleet can see. */
function standingOf(offsetSeconds: number | undefined, reading: ClockReading | undefined): ClockStanding | undefined {
  if (offsetSeconds !== undefined) return { offsetMs: Math.round(offsetSeconds * 1000), by: 'servers' }
  if (reading?.store !== undefined) return { ...reading.store, by: 'store' }
  if (reading?.peers === undefined) return undefined
  const { offsetMs, withinMs } = reading.peers
  return { offsetMs, withinMs, by: 'peers' }
}
