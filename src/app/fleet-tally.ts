// What a worker counts together with the gateways of its fleet; the connection is opened at first need, or at once where the config needs it.
import type { Config } from '../config/config.ts'
import type { Randomness } from '../ports/clock.ts'
import type { FleetTally } from '../ports/fleet-tally.ts'
import type { Logger } from '../ports/logger.ts'
import { redisUrl, tlsOf } from './redis-place.ts'

/** A caller waits for it: longer than any Redis that is well takes. */
const TIMEOUT_MS_MAX = 500

export interface TallyDeps {
  readonly randomness: Randomness
  readonly logger: Logger
  /** One Int32: gateways that count in the fleet, as the main thread knows them. */
  readonly members: SharedArrayBuffer
}

/** Undefined with the embedded store: then this gateway is all there is. */
export function openTally(
  { store, session, routes }: Config,
  { randomness, logger, members }: TallyDeps,
): FleetTally | undefined {
  const { redis, leaseMs } = store
  if (redis === undefined) return undefined
  const count = new Int32Array(members)
  let opened: Promise<FleetTally> | undefined
  const open = async (): Promise<FleetTally> => {
    const { openRedisTally } = await import('../adapters/redis/fleet-tally.ts')
    return openRedisTally({
      url: redisUrl(redis),
      ...tlsOf(redis),
      fleet: redis.fleet,
      timeoutMs: Math.min(leaseMs / 2, TIMEOUT_MS_MAX),
      fraction: () => randomness.fraction(),
      members: () => Atomics.load(count, 0),
      logger,
    })
  }
  const once = (): Promise<FleetTally> => (opened ??= open())
  // Where it is known to be needed nobody waits for the first contact.
  if (session.budget !== undefined || routes.some(({ policy }) => policy.session.binding === 'dpop'))
    once().catch(() => undefined)
  return {
    members: () => Atomics.load(count, 0),
    once: (name, ttlMs) =>
      once().then(
        (tally) => tally.once(name, ttlMs),
        () => 'full' as const,
      ),
    spend: (spending, limits) =>
      once().then(
        (tally) => tally.spend(spending, limits),
        () => undefined,
      ),
    close: async () => (await opened?.catch(() => undefined))?.close(),
  }
}
