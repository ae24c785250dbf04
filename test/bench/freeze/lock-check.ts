// What a request pays for ten thousand active locks of mixed scopes: the same check as in stages/admit.ts.
import { createAddresses } from '../../../src/adapters/ipaddr/addresses.ts'
import { compileTable, findLocks } from '../../../src/core/lock-table.ts'
import type { Lock, LockTarget } from '../../../src/core/lock.ts'
import { compileRoutes } from '../../../src/core/route.ts'
import type { LockScope } from '../../../src/core/scope.ts'
import { createRoute } from '../../support/control-ports.ts'

const ROUTES = compileRoutes(
  Array.from({ length: 200 }, (_, index) => createRoute(`route-${index}`, { tags: [`tag-${index % 20}`] })),
).routes
const REQUESTS = 400_000

/** People, sessions, clients, subjects, networks and agents by the thousand; a few routes and tags, that this request does not ask for. */
function scopeOf(index: number): LockScope {
  const name = `k1.${String(index).padStart(22, 'A')}`
  switch (index % 8) {
    case 0:
      return { principals: [name] }
    case 1:
      return { sessions: [name] }
    case 2:
      return { subjects: [name] }
    case 3:
      return { clients: [`client-${index}`] }
    case 4:
      return { cidrs: [`10.${(index >> 8) % 256}.${index % 256}.0/24`] }
    case 5:
      return { userAgents: [`scraper-${index}`] }
    case 6:
      return { routes: [`route-${100 + (index % 100)}`], methods: ['POST'] }
    default:
      return { routes: [`route-${100 + (index % 100)}`], principals: [name] }
  }
}

/** Microseconds a request, median of some runs. */
export function measureLockCheck(count: number): number {
  const addresses = createAddresses()
  const locks = Array.from({ length: count }, (_, index): Lock => ({
    ...{ id: `lock-${index}`, scope: scopeOf(index), mode: 'deny', source: 'order', since: index, reason: 'x' },
    ...{ incident: 'INC-1', onExpiry: 'stay', status: 503, message: {} },
  }))
  const table = compileTable({ epoch: 1, locks, revocations: [] }, ROUTES, (cidrs) => addresses.compile(cidrs))
  const targets = Array.from({ length: 97 }, (_, index): LockTarget => ({
    ...{
      route: ROUTES[index % 100]!,
      method: 'GET',
      address: `192.0.2.${index}`,
      userAgent: `Mozilla/5.0 (X11; n${index})`,
    },
    ...{ principal: `k1.${String(index).padStart(22, 'Z')}`, session: `k1.${String(index).padStart(22, 'Y')}` },
    ...{ clients: ['app', 'https://otp.example.in#app'], subjects: [`k1.${String(index).padStart(22, 'X')}`] },
  }))
  const runs: number[] = []
  let found = 0
  for (let run = 0; run < 7; run += 1) {
    const startedMs = performance.now()
    for (let at = 0; at < REQUESTS; at += 1)
      if (findLocks(table, targets[at % 97]!, 1_000_000) !== undefined) found += 1
    runs.push(((performance.now() - startedMs) * 1000) / REQUESTS)
  }
  if (found > 0) throw new Error('a request met a lock that is not of it')
  return runs.sort((a, b) => a - b)[3] ?? Infinity
}
