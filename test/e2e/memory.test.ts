// Cells of detectors lie ready for as many keys as the config says: what nobody has used is address space, not memory.
import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startGateway, startRawUpstream, type GatewayProcess } from '../support/gateway-process.ts'

const ROUTES = `
  - { id: record.read, path: "/records/{id}", methods: [GET], upstream: registry, session: { level: required }, subjects: [param.id], throttle: { subjects: default }, audit: best-effort }
`
const hasProc = existsSync('/proc/self/status')
if (!hasProc) console.warn('SKIPPED: memory was not looked at, since there is no /proc')

let upstream: Awaited<ReturnType<typeof startRawUpstream>>
beforeAll(async () => {
  upstream = await startRawUpstream()
})
afterAll(() => upstream.close())

const residentMb = (gateway: GatewayProcess): number => {
  const status = readFileSync(`/proc/${String(gateway.child().pid)}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
}

const withProc = hasProc ? test : test.skip
withProc('cells for four million sessions are not filled at the start', async () => {
  const resident: number[] = []
  for (const sessions of [1_000, 4_000_000]) {
    const extra = `throttle: { sessions: ${String(sessions)}, addresses: 1000 }`
    const gateway = await startGateway({ upstreamPort: upstream.port, routes: ROUTES, extra })
    try {
      expect((await gateway.get('/records/1', gateway.issuer.token())).status).toBe(200)
      resident.push(residentMb(gateway))
    } finally {
      await gateway.cleanUp()
    }
  }
  // They are some 2,400 MB.
  expect((resident[1] ?? Infinity) - (resident[0] ?? 0)).toBeLessThan(200)
})
