// Order accepted to last gateway proven, over a real Redis: many light gateways in a few processes, and the one that accepts in this.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { proofWithin } from '../../../src/control/fleet/views.ts'
import { publicPart } from '../../support/control-signing.ts'
import { people } from '../../support/control-desk.ts'
import { signFor } from '../../support/fleet-rig.ts'
import { startRedis } from '../../support/redis-server.ts'
import { FLEET, startLightGateway, type LightGateway } from './light-gateway.ts'

export interface FleetFigures {
  readonly elapsedMs: readonly number[]
  /** Leases that ended while it was measured. */
  readonly leasesLost: number
  readonly gateways: number
}

export interface FleetRun {
  readonly gateways: number
  readonly processes: number
  readonly orders: number
  readonly leaseMs: number
  /** Orders and receipts are checked once a process (light-gateway, `Once`). */
  readonly isLight: boolean
  /** Between two orders. */
  readonly restMs: number
}

/** Of a process that holds many gateways: the garbage of so many in the young space of one would be collected as often as theirs together. */
const SEMI_SPACE_MIB = 64

interface Leases {
  readonly held: number
  readonly lost: number
  readonly cpuMs: number
}

export async function measureFleet(run: FleetRun, say: (text: string) => void): Promise<FleetFigures> {
  const { gateways, processes, leaseMs, isLight } = run
  const redis = await startRedis({ args: ['--maxclients', '10000', '--loglevel', 'notice'] })
  const responders = Object.values(people).map(publicPart)
  const children: ChildProcess[] = []
  const accepting = await startLightGateway({ redisUrl: redis.url, responders, leaseMs, isLight })
  try {
    const others = gateways - 1
    for (let index = 0; index < processes; index += 1) {
      const count = Math.floor(others / processes) + (index < others % processes ? 1 : 0)
      const options = JSON.stringify({ redisUrl: redis.url, responders, count, leaseMs, isLight })
      children.push(
        fork(path.join(import.meta.dirname, 'clients.ts'), [options], {
          execArgv: ['--disable-warning=ExperimentalWarning', `--max-semi-space-size=${SEMI_SPACE_MIB}`],
        }),
      )
    }
    await Promise.all(children.map((child) => once(child, 'message')))
    await order(accepting, people.lead, { kind: 'genesis', reason: 'a bench' })
    const settled = await untilSettled(accepting, children, gateways)
    say(`${gateways} gateways hold a lease after ${settled} s`)
    const before = await leasesOf(children)
    const startedMs = performance.now()
    const elapsedMs: number[] = []
    // The first shows every worker's key for the first time.
    for (let round = 0; round <= run.orders; round += 1) {
      const elapsed = await freeze(accepting, gateways)
      if (round > 0) elapsedMs.push(elapsed)
      await delay(run.restMs)
    }
    const after = await leasesOf(children)
    const share = (sum(after, 'cpuMs') - sum(before, 'cpuMs')) / (performance.now() - startedMs)
    say(`their processes took ${share.toFixed(2)} cores`)
    return { elapsedMs, gateways, leasesLost: sum(after, 'lost') - sum(before, 'lost') + accepting.leasesLost }
  } finally {
    for (const child of children) child.disconnect()
    await Promise.all(children.map((child) => (child.exitCode === null ? once(child, 'exit') : undefined)))
    await accepting.close()
    await redis.stop()
  }
}

async function order(gateway: LightGateway, who: typeof people.lead, words: object): Promise<string> {
  const result = await gateway.desk.submit(signFor(who, words, Date.now(), { aud: FLEET }), 'api')
  if (result.outcome !== 'accepted') throw new Error(JSON.stringify(result))
  return result.id
}

/** Milliseconds from the acceptance to the last proof. */
async function freeze(gateway: LightGateway, total: number): Promise<number> {
  const id = await order(gateway, people.desk, {
    kind: 'lock',
    scope: { all: true },
    reason: 'leak',
    incident: 'INC-1',
  })
  const { elapsedMs, gateways, missing } = await proofWithin(gateway.parts, id, 20_000)
  if (gateways.proven !== total)
    throw new Error(`${gateways.proven} of ${total} have proven it; missing: ${missing.slice(0, 5).join()}`)
  return elapsedMs
}

/** Seconds until every gateway holds a lease, and has for a second look. */
async function untilSettled(
  accepting: LightGateway,
  children: readonly ChildProcess[],
  total: number,
): Promise<number> {
  const startedMs = performance.now()
  let good = 0
  for (;;) {
    const held = sum(await leasesOf(children), 'held') + (accepting.parts.link.leaseRemainingMs > 0 ? 1 : 0)
    good = held === total && accepting.parts.roster.peers.length === total - 1 ? good + 1 : 0
    if (good === 3) return Math.round((performance.now() - startedMs) / 1000)
    if (performance.now() - startedMs > 120_000) throw new Error(`only ${held} of ${total} gateways hold a lease`)
    await delay(1000)
  }
}

async function leasesOf(children: readonly ChildProcess[]): Promise<readonly Leases[]> {
  return Promise.all(
    children.map(async (child) => {
      const answered = once(child, 'message')
      child.send('leases')
      return ((await answered) as [Leases])[0]
    }),
  )
}

function sum(all: readonly Leases[], key: keyof Leases): number {
  return all.reduce((total, each) => total + each[key], 0)
}
