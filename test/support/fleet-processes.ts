// Fleets of real gateway processes with a real Redis: what each test of one begins with, and asks of its members.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe } from '@jest/globals'
import type { GatewayProcess } from './gateway-process.ts'
import { missingRedis } from './redis-server.ts'

/** `describe`, or its `skip` where there is no Redis on this machine, which is said. */
export function describeWithRedis(what: string): typeof describe | typeof describe.skip {
  const missing = missingRedis()
  if (missing === undefined) return describe
  console.warn(`SKIPPED: ${what} not tried, since ${missing}`)
  return describe.skip
}

export interface StoreOptions {
  readonly url: string
  readonly lease?: string
  /** More keys of `redis`, each with a comma before it. */
  readonly more?: string
}

/** Writes the fleet's secret into `home`; gives the `store` of a member. */
export function fleetStoreOf(home: string, fleet: string): (options: StoreOptions) => string {
  const secretFile = path.join(home, 'fleet.secret')
  writeFileSync(secretFile, 'a secret of a fleet in a test, and long enough\n', { mode: 0o600 })
  return ({ url, lease = '2s', more = '' }) =>
    `{ kind: redis, dir: ./data, lease: ${lease}, redis: { url: "${url}", fleet: ${fleet}, secretFile: "${secretFile}"${more} } }`
}

export function isReady(gateway: GatewayProcess): Promise<boolean> {
  return fetch(`http://127.0.0.1:${gateway.controlPort}/readyz`).then((answer) => answer.ok)
}

/** Status of a request that any caller may make. */
export async function servedBy(gateway: GatewayProcess): Promise<number> {
  return (await gateway.get('/api/v2/facilities')).status
}

/** What `GET /api/v1/status` answers; the test says what it reads of it. */
export async function statusBy<T>(gateway: GatewayProcess): Promise<T> {
  return (await (await gateway.api('/api/v1/status')).json()) as T
}
