// The demo's callers, a process of their own: ordinary citizens and one scraper, through the gateway, until told to stop.
// Run it: node demo/traffic.ts --gateway http://127.0.0.1:8080 --sms http://127.0.0.1:9001
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createCitizen } from './citizen.ts'
import { createCounts, createSend, readCode, type Counts } from './gateway-client.ts'
import { createPopulation } from './population.ts'
import { createRandom } from './random.ts'
import { createScraper } from './scraper.ts'

export type TrafficOptions = {
  gateway: string
  /** The registry's SMS tray, where the phones find their codes. */
  sms: string
  /** The registry's seed: these are its citizens. */
  seed?: number
  /** How many citizens are about at once. */
  citizens?: number
  citizensPerSecond?: number
  scraperPerSecond?: number
  partnerKey?: string
  /** Ends by itself after so many requests. */
  maxRequests?: number
  /** How long a citizen watches the slot events, in milliseconds. */
  watchMs?: number
}
export type Traffic = {
  counts: Counts
  /** Resolves when the last call has ended: after `stop`, or when `maxRequests` are sent. */
  done: Promise<void>
  stop(): Promise<void>
}

/** Starts the traffic. A gateway that refuses, or is not there, is counted and tried again. */
export function runTraffic(options: TrafficOptions): Traffic {
  const { gateway, sms, seed = 1, citizens = 32, citizensPerSecond = 8, scraperPerSecond = 2 } = options
  const { partnerKey = 'demo-partner', maxRequests = Infinity, watchMs = 5000 } = options
  const population = createPopulation(seed)
  const random = createRandom(seed + 1)
  const counts = createCounts()
  const stopping = new AbortController()
  const send = createSend(gateway, counts, stopping.signal, maxRequests)
  const households = [...population.households.values()]
  const phone = { send, readCode: (mobile: string) => readCode(sms, mobile, stopping.signal) }
  const facilityIds = [...population.facilities.keys()]

  // Addresses are from the ranges that are kept for documentation (RFC 5737).
  const active = households.slice(0, Math.min(citizens, 200)).map((household, n) => {
    const identity = { caller: 'citizen' as const, address: `198.51.100.${String(n + 1)}` }
    return createCitizen({ ...phone, identity, household, facilityIds, random, watchMs, now: Date.now })
  })
  const scraper = createScraper({
    ...phone,
    identity: { caller: 'scraper', address: '203.0.113.66' },
    counts,
    partnerKey,
    mobile: households.at(-1)?.mobile ?? '',
    targets: [...population.citizens.keys()],
  })
  const nextCitizen = async (): Promise<void> => {
    const ready = active.filter((citizen) => citizen.isReady())
    if (ready.length > 0) await random.pick(ready).step()
  }

  const goesOn = (): boolean => !stopping.signal.aborted && counts.sent < maxRequests
  const pace = async (perSecond: number, step: () => Promise<void>): Promise<void> => {
    const running = new Set<Promise<void>>()
    while (perSecond > 0 && goesOn()) {
      const call = step().finally(() => running.delete(call))
      running.add(call)
      await delay(1000 / perSecond, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
    await Promise.allSettled(running)
  }
  const done = Promise.all([
    pace(citizensPerSecond, nextCitizen),
    pace(scraperPerSecond, scraper.lookUpNext),
    pace(scraperPerSecond / 4, scraper.tryStranger),
  ]).then(() => undefined)

  const stop = (): Promise<void> => {
    stopping.abort()
    return done
  }
  return { counts, done, stop }
}

/** Calls `stop` on SIGTERM, SIGINT, or when whoever started this process has gone. */
function stopWithParent(stop: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop)
  process.on('disconnect', stop)
  process.stdout.on('error', stop)
  // An orphan is given another parent; nothing tells it so.
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) stop()
  }, 500).unref()
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      gateway: { type: 'string' },
      sms: { type: 'string' },
      seed: { type: 'string', default: '1' },
      citizens: { type: 'string', default: '32' },
      'citizen-rate': { type: 'string', default: '8' },
      'scraper-rate': { type: 'string', default: '2' },
      'partner-key': { type: 'string', default: 'demo-partner' },
      'report-seconds': { type: 'string', default: '0' },
    },
  })
  if (values.gateway === undefined || values.sms === undefined) {
    console.error('usage: node demo/traffic.ts --gateway URL --sms URL [--seed N] [--citizens N] [--report-seconds N]')
    process.exitCode = 2
    return
  }
  const traffic = runTraffic({
    gateway: values.gateway,
    sms: values.sms,
    seed: Number(values.seed),
    citizens: Number(values.citizens),
    citizensPerSecond: Number(values['citizen-rate']),
    scraperPerSecond: Number(values['scraper-rate']),
    partnerKey: values['partner-key'],
  })
  stopWithParent(() => void traffic.stop())
  const report = (): void => {
    console.log(JSON.stringify(traffic.counts))
  }
  const everyMs = Number(values['report-seconds']) * 1000
  if (everyMs > 0) setInterval(report, everyMs).unref()
  await traffic.done
  if (everyMs > 0) report()
  // A process that was started with a message channel would otherwise be kept alive by it.
  if (process.connected) process.disconnect?.()
}

if (import.meta.main) await main()
