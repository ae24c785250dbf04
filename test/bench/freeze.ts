// `npm run bench:freeze`: how long a freeze takes, from its acceptance to the last proof, over a real Redis on this machine.
// Usage: npm run bench:freeze [-- --only fleet-100,fleet-1000,process,streams,check] [--orders 60]
import { parseArgs } from 'node:util'
import { missingRedis } from '../support/redis-server.ts'
import { measureFleet } from './freeze/fleet.ts'
import { measureLockCheck } from './freeze/lock-check.ts'
import { measureOne } from './freeze/one-gateway.ts'

const { values } = parseArgs({ options: { only: { type: 'string' }, orders: { type: 'string', default: '60' } } })
const wanted = values.only?.split(',')
const isWanted = (name: string): boolean => wanted === undefined || wanted.includes(name)
const missing = missingRedis()
if (missing !== undefined) {
  console.error(`npm run bench:freeze needs Redis: ${missing}.`)
  process.exit(1)
}

const WIDTH = 66
let isAnyMissed = false
console.log(`${''.padEnd(WIDTH)}${'target'.padEnd(10)}measured`)

function quantile(all: readonly number[], share: number): number {
  const sorted = all.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Infinity
}

/** A tenth past the line is this machine's noise; more is a target that was missed. */
function add(what: string, value: number, target: number, unit: string, more = ''): void {
  const isMissed = !(value <= target * 1.1)
  isAnyMissed ||= isMissed
  const measured = `${value.toFixed(unit === 'us' ? 2 : 0)} ${unit}${more}`
  console.log(`${what.padEnd(WIDTH)}${`${target} ${unit}`.padEnd(10)}${measured}${isMissed ? '  MISSED' : ''}`)
}

/** So large a lease for a thousand: here all of them share two cores, and each beats eight times a lease. */
const LEASES = { small: 2000, large: 10_000 } as const

async function fleet(name: string, gateways: number, target: number, orders: number, leaseMs: number): Promise<void> {
  if (!isWanted(name)) return
  const isLight = gateways > 500
  const restMs = isLight ? 1000 : 200
  const found = await measureFleet({ gateways, processes: 2, orders, leaseMs, restMs, isLight }, (text) => {
    console.error(text)
  })
  const [p50, p99] = [quantile(found.elapsedMs, 0.5), quantile(found.elapsedMs, 0.99)]
  const more = ` (p50 ${p50}, ${found.elapsedMs.length} orders, leases lost: ${found.leasesLost}, lease ${leaseMs / 1000} s)`
  add(`order accepted to last of ${gateways} gateways proven, p99`, p99, target, 'ms', more)
}

const orders = Number(values.orders)
if (isWanted('check')) add('lock check beside 10,000 active locks of mixed scope', measureLockCheck(10_000), 2, 'us')
if (isWanted('process') || isWanted('streams')) {
  const one = await measureOne(orders, isWanted('streams') ? 1000 : 0)
  add(
    'order accepted to all workers of one process proven, p99',
    quantile(one.provenMs, 0.99),
    5,
    'ms',
    ` (p50 ${quantile(one.provenMs, 0.5)})`,
  )
  if (one.streams > 0)
    add(
      `the last of ${one.streams} open streams cut`,
      quantile(one.cutMs, 1),
      100,
      'ms',
      ` (p50 ${quantile(one.cutMs, 0.5).toFixed(0)})`,
    )
}
await fleet('fleet-100', 100, 250, orders, LEASES.small)
await fleet('fleet-1000', 1000, 1000, Math.ceil(orders / 4), LEASES.large)

process.exit(isAnyMissed ? 1 : 0)
