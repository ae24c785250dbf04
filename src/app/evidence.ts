// What makes others believe the trail: time servers that are asked, witnesses that sign its checkpoints.
import { every } from '../control/every.ts'
import type { Logger } from '../ports/logger.ts'
import { createClockWatch, type ClockWatch, type ClockWatchDeps } from './clock-watch.ts'
import { createWitnessWatch, type WitnessWatch, type WitnessWatchDeps } from './witness-watch.ts'

export interface Evidence {
  readonly clock: ClockWatch
  readonly witnesses: WitnessWatch
  /** For an operator. None of them keeps a route from serving. */
  readonly problems: readonly string[]
}

const WITNESS_EVERY_MS = 500

export function createEvidence(deps: WitnessWatchDeps & Pick<ClockWatchDeps, 'trail'>): Evidence {
  const clock = createClockWatch({ ...deps, config: () => deps.config.audit.clock })
  const witnesses = createWitnessWatch(deps)
  return {
    clock,
    witnesses,
    get problems() {
      return [...clock.problems, ...witnesses.problems]
    },
  }
}

/** Asks for the time at once, and then again and again. Returns how to stop. */
export function startEvidence(
  { clock, witnesses }: Evidence,
  { audit }: WitnessWatchDeps['config'],
  logger: Logger,
): () => void {
  const stops: (() => void)[] = []
  if (audit.clock.servers.length > 0) {
    void clock.look()
    stops.push(every(audit.clock.everyMs, () => clock.look(), logger))
  }
  // Not waited for: one that hangs delays none of the others.
  const look = async (): Promise<void> => void witnesses.look()
  if (audit.witnesses.length > 0) stops.push(every(WITNESS_EVERY_MS, look, logger))
  return () => {
    for (const stop of stops) stop()
  }
}
