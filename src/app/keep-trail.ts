// Retention of the running gateway: what is older than it, and not held, is deleted; the trail says so first.
import { applyRetention, cutoffOf, planRetention, sweep } from '../audit/retention.ts'
import { readEntry, timeOf } from '../audit/locate.ts'
import { readExtent } from '../audit/reader.ts'
import type { Parts } from './parts.ts'

export interface TrailKeeper {
  /** Time of the oldest record, epoch milliseconds, as it was at the last look; undefined where there is none. */
  readonly oldest: number | undefined
  /** For the timer. Rejects where something could not be deleted: the next call tries again. */
  look(): Promise<void>
}

export function createTrailKeeper({
  running,
  trail,
  clock,
  logger,
}: Pick<Parts, 'running' | 'trail' | 'clock' | 'logger'>): TrailKeeper {
  const { dir } = running.config.audit
  let minimum = 0
  let oldest: number | undefined
  let isSwept = false
  const look = async (): Promise<void> => {
    if (!isSwept) {
      minimum = (await readExtent(dir)).minimum
      await sweep(dir, minimum)
      isSwept = true
    }
    const { retentionMs, holds } = running.config.audit
    for (;;) {
      const cutoff = cutoffOf(clock.now(), retentionMs, holds)
      const plan = cutoff === undefined ? undefined : await planRetention(dir, cutoff, clock.now())
      if (plan === undefined) break
      const ticket = trail.main.append({
        ...{ kind: 'retention', time: clock.now(), minimum: plan.index, before: plan.before, retentionMs },
        holds: holds.map(({ incident }) => incident),
      })
      if (ticket === undefined) throw new Error('retention deletes nothing: the trail does not take its record')
      await trail.main.durable(ticket)
      await applyRetention(dir, plan, trail.signer)
      logger.info('retention has deleted the oldest records', { entries: plan.index - minimum, minimum: plan.index })
      minimum = plan.index
    }
    if (minimum < (await readExtent(dir)).size) oldest = timeOf(await readEntry(dir, minimum))
  }
  return {
    get oldest() {
      return oldest
    },
    look,
  }
}
