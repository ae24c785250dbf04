// Retention of the running gateway: what is older than it, and not held, is deleted; the trail says so first.
import { DAY_MS, dayOf, dropDays, listDays } from '../audit/detail/key-slots.ts'
import { nodeFiles } from '../audit/files.ts'
import { readEntry, timeOf } from '../audit/locate.ts'
import { readExtent } from '../audit/reader.ts'
import { applyRetention, cutoffOf, planRetention, sweep } from '../audit/retention.ts'
import type { Config } from '../config/config.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Signer } from '../ports/signer.ts'

export interface TrailKeeper {
  /** Time of the oldest record, epoch milliseconds, as it was at the last look; undefined where there is none. */
  readonly oldest: number | undefined
  /** For the timer. Rejects where something could not be deleted: the next call tries again. */
  look(): Promise<void>
}

export interface TrailKeeperDeps {
  /** Read anew at each look, so that a hold takes effect with a reload. */
  readonly running: { readonly config: Pick<Config, 'audit'> }
  readonly trail: { readonly main: Pick<AuditTrail, 'append' | 'durable'>; readonly signer: Signer }
  readonly clock: Clock
  readonly logger: Logger
}

export function createTrailKeeper({ running, trail, clock, logger }: TrailKeeperDeps): TrailKeeper {
  const { dir } = running.config.audit
  let minimum = 0
  let oldest: number | undefined
  let now: (() => number) | undefined
  /** Detail is kept for shorter than the trail where the config says so; never what a hold keeps. */
  const dropKeys = async (): Promise<void> => {
    const { details, holds } = running.config.audit
    const cutoff = now === undefined ? undefined : cutoffOf(now(), details.keepMs, holds)
    const [first] = await listDays(nodeFiles, details.dir)
    if (cutoff === undefined || first === undefined || first >= dayOf(cutoff)) return
    const record = {
      kind: 'erasure',
      by: 'retention',
      to: dayOf(cutoff - DAY_MS),
      reason: 'audit.details.keep',
    } as const
    const ticket = trail.main.append({ ...record, time: clock.now(), state: 'begun' })
    if (ticket === undefined) throw new Error('no keys of detail are deleted: the trail does not take its record')
    await trail.main.durable(ticket)
    const keys = await dropDays(nodeFiles, details.dir, dayOf(cutoff))
    trail.main.append({ ...record, time: clock.now(), state: 'ended', keys })
  }
  const look = async (): Promise<void> => {
    if (now === undefined) {
      minimum = (await readExtent(dir)).minimum
      await sweep(dir, minimum)
      now = await cautiousClock(dir, clock)
    }
    const { retentionMs, holds } = running.config.audit
    for (;;) {
      const cutoff = cutoffOf(now(), retentionMs, holds)
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
    await dropKeys()
    if (minimum < (await readExtent(dir)).size) oldest = timeOf(await readEntry(dir, minimum))
  }
  return {
    get oldest() {
      return oldest
    },
    look,
  }
}

/**
 * What is deleted does not come back, and a clock that was set forward would delete all of it. So the time that counts is that of
 * the newest record of the life before, and what has passed since this one began: of a gateway that was off for long a little is
 * deleted later.
 */
async function cautiousClock(dir: string, clock: Clock): Promise<() => number> {
  const { minimum, size } = await readExtent(dir)
  const newest = size > minimum ? timeOf(await readEntry(dir, size - 1)) : undefined
  const base = Math.min(newest ?? clock.now(), clock.now())
  const since = clock.monotonicMs()
  return () => Math.min(clock.now(), base + clock.monotonicMs() - since)
}
