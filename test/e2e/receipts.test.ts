// Each answer of a strict route carries a receipt, which is exchanged for a proof that anybody can check offline.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { checkProofFile } from '../../src/audit/check-proof-file.ts'
import {
  eventually,
  signOrder,
  LOCK_ALL,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
  type Upstream,
} from '../support/gateway-process.ts'

const ROUTES = `
  - { id: record.read, path: "/api/v2/records/{recordId}", methods: [GET], upstream: registry, session: { level: required, bind: { param.recordId: claim.record_ids } } }
  - { id: facilities, path: /api/v2/facilities, methods: [GET, POST], upstream: registry, session: none }
  - { id: loose, path: /loose, methods: [GET], upstream: registry, session: none, audit: best-effort }
`

let gateway: GatewayProcess
let upstream: Upstream

beforeAll(async () => {
  upstream = await startRawUpstream((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 15\r\nAudit-Receipt: made;t=1;h=:up:\r\n\r\n{"from":"real"}')
  })
  gateway = await startGateway({ upstreamPort: upstream.port, routes: ROUTES })
})
afterAll(async () => {
  await gateway.cleanUp()
  await upstream.close()
})

const receiptOf = (answer: Response): string => {
  const receipt = answer.headers.get('audit-receipt')
  if (receipt === null) throw new Error(`${answer.status} came without a receipt`)
  return receipt
}

async function exchange(query: string): Promise<Response> {
  let answer = await gateway.api(`/api/v1/audit/proof?${query}`)
  await eventually(async () => {
    if (answer.status === 404) answer = await gateway.api(`/api/v1/audit/proof?${query}`)
    return answer.status === 200
  })
  return answer
}

test('a receipt is exchanged for a proof that holds, of a record that says what was answered', async () => {
  const vkey = readFileSync(path.join(gateway.home, 'data/audit/vkey'), 'utf8')
  const authorization = `Bearer ${gateway.issuer.token({ azp: 'partner-app', record_ids: ['4711'] })}`
  const answers = [
    await fetch(`${gateway.url}/api/v2/facilities`),
    await fetch(`${gateway.url}/api/v2/records/4711`, { headers: { authorization } }),
    await fetch(`${gateway.url}/api/v2/records/4711`),
    await fetch(`${gateway.url}/api/v2/facilities`, { method: 'POST', body: 'x' }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 401, 200])
  const records: Record<string, unknown>[] = []
  for (const answer of answers) {
    const receipt = receiptOf(answer)
    const proof = await (await exchange(`receipt=${encodeURIComponent(receipt)}`)).text()
    expect(checkProofFile({ proof, vkey, receipt })).toHaveProperty('index')
    const index = /^index (\d+)$/m.exec(proof)?.[1] ?? ''
    const told = (await (
      await gateway.api(`/api/v1/audit/proof?index=${index}`, { headers: { accept: 'application/json' } })
    ).json()) as { record: string; receipt: string }
    expect(told.receipt).toBe(receipt)
    expect(checkProofFile({ proof, vkey, record: Buffer.from(told.record) })).toHaveProperty('index')
    records.push(JSON.parse(told.record) as Record<string, unknown>)
  }
  expect(records).toMatchObject([
    { status: 200 },
    { status: 200, application: 'partner-app', otp: true },
    { status: 401, decision: 'unauthenticated' },
    { phase: 'outcome', status: 200 },
  ])
  expect(records[2]).not.toHaveProperty('otp')
})

test('what has no record has no receipt: an unknown path, a route that does not wait; and an upstream cannot make one up', async () => {
  for (const at of ['/nowhere', '/loose'])
    expect((await fetch(`${gateway.url}${at}`)).headers.has('audit-receipt')).toBe(false)
})

test('a wrong question is refused with what would be right, a false receipt is said to be one', async () => {
  for (const query of ['', 'receipt=x', 'index=-1', 'id=', 'id=a&index=1', 'receipt=a&receipt=b']) {
    const answer = await gateway.api(`/api/v1/audit/proof?${query}`)
    expect([query, answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
      query,
      400,
      expect.stringContaining('give one of'),
    ])
  }
  const receipt = receiptOf(await fetch(`${gateway.url}/api/v2/facilities`))
  const leaf = Buffer.alloc(32, 1).toString('base64')
  const forged = receipt.replace(/t=\d+;h=.*/, `t=1700000000000;h=:${leaf}:`)
  const answer = await gateway.api(`/api/v1/audit/proof?receipt=${encodeURIComponent(forged)}`)
  expect(((await answer.json()) as { detail: string }).detail).toContain('DOES NOT HAVE THIS RECORD')
  const foreign = await gateway.api(
    `/api/v1/audit/proof?receipt=${encodeURIComponent(receipt.replace('gateway-', 'gateway-0'))}`,
  )
  expect(foreign.status).toBe(404)
})

test("a lock's refusal has a receipt too", async () => {
  await gateway.order(signOrder(gateway.people[0]!, LOCK_ALL))
  const answer = await fetch(`${gateway.url}/api/v2/facilities`)
  expect(answer.status).toBe(503)
  const proof = await (await exchange(`receipt=${encodeURIComponent(receiptOf(answer))}`)).text()
  expect(proof).toMatch(/^c2sp\.org\/tlog-proof@v1\nindex \d+\n/)
})
