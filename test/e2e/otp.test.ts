// The careless partner endpoint of the demo's registry, behind the gate: without an OTP that went to that record's own number it answers nothing.
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createPopulation } from '../../demo/population.ts'
import { startRegistry, type Registry } from '../../demo/registry.ts'
import { Secret } from 'otpauth'
import { createTotp } from '../../src/adapters/otpauth/authenticators.ts'
import { eventually, LOCK_ALL, prepareGateway, signOrder, type GatewayProcess } from '../support/gateway-process.ts'

const WEBHOOK_SECRET = 'a secret of more than thirty-two characters'
const TOTP = Secret.fromLatin1('12345678901234567890')

let registry: Registry
let gateway: GatewayProcess
let sms: http.Server
const inbox = new Map<string, string>()
let forged = 0

const households = [...createPopulation(1).households.values()]
const [mine, other] = households as [(typeof households)[0], (typeof households)[0]]

beforeAll(async () => {
  registry = await startRegistry({ port: 0 })
  sms = http.createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (piece: string) => (body += piece))
    request.on('end', () => {
      const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = request.headers
      const wanted = createHmac('sha256', WEBHOOK_SECRET)
        .update(`${String(id)}.${String(at)}.${body}`)
        .digest('base64')
      if (signature === `v1,${wanted}`) {
        const { number, code } = JSON.parse(body) as Record<string, string>
        inbox.set(number ?? '', code ?? '')
      } else forged += 1
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => sms.listen(0, '127.0.0.1', resolve))
  gateway = await prepareGateway({
    upstreamPort: registry.port,
    workers: 2,
    extra: `otp:
  issuer: https://gate.example.in
  audience: registry
  webhook: { url: "http://127.0.0.1:${(sms.address() as AddressInfo).port}/sms", secretFile: ./webhook.secret }
  totp: { file: ./totp.json }
  # All callers of this test have one address.
  limits: { address: 1000/m }
`,
    routes: `
  - { id: partner.lookup, path: "/api/v2/partner/lookup/{mobile}", methods: [GET], upstream: registry, tags: [partner, pii], session: { level: required, maxAge: 15m, number: param.mobile }, response: { number: [/mobile], subjects: [/beneficiaries/*/beneficiaryId] } }
  - { id: beneficiary.read, path: "/api/v2/beneficiaries/{beneficiaryId}", methods: [GET], upstream: registry, session: { level: required, bind: { param.beneficiaryId: claim.beneficiary_ids } }, response: { owner: { /beneficiaryId: claim.beneficiary_ids } } }
  - { id: staff, path: /api/v2/facilities, methods: [GET], upstream: registry, session: required }
`,
  })
  writeFileSync(join(gateway.home, 'webhook.secret'), `${WEBHOOK_SECRET}\n`, { mode: 0o600 })
  writeFileSync(join(gateway.home, 'totp.json'), JSON.stringify({ accounts: { asha: { secret: TOTP.base32 } } }), {
    mode: 0o600,
  })
  await gateway.start()
})

afterAll(async () => {
  await gateway.cleanUp()
  await registry.close()
  sms.closeAllConnections()
  sms.close()
})

const post = (path: string, body: unknown): Promise<Response> =>
  fetch(`${gateway.url}/.portcullis/otp/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

async function codeFor(mobile: string): Promise<{ transaction: string; code: string }> {
  inbox.delete(`+91${mobile}`)
  const answer = await post('request', { number: mobile })
  expect(answer.status).toBe(202)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const { transaction } = (await answer.json()) as { transaction: string }
  expect(await eventually(async () => inbox.has(`+91${mobile}`))).toBe(true)
  return { transaction, code: inbox.get(`+91${mobile}`) ?? '' }
}

async function sessionFor(mobile: string): Promise<string> {
  const answer = await post('verify', await codeFor(mobile))
  expect(answer.status).toBe(200)
  return ((await answer.json()) as { access_token: string }).access_token
}

const lookUp = (mobile: string, token?: string): Promise<Response> =>
  fetch(`${gateway.url}/api/v2/partner/lookup/${mobile}`, {
    headers: { 'x-partner-key': 'demo-partner', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
  })

test('a partner key and a mobile number get nothing', async () => {
  const before = registry.stats.requests
  const answer = await lookUp(mine.mobile)
  expect([answer.status, registry.stats.requests]).toEqual([401, before])
})

test('an OTP that went to the number gets the record of that number, and of no other', async () => {
  const token = await sessionFor(mine.mobile)
  const own = await lookUp(mine.mobile, token)
  expect(own.status).toBe(200)
  expect(((await own.json()) as { beneficiaries: unknown[] }).beneficiaries).toHaveLength(mine.members.length)
  const before = registry.stats.requests
  const stranger = await lookUp(other.mobile, token)
  expect([stranger.status, registry.stats.requests]).toEqual([403, before])
  expect(await stranger.text()).not.toContain(other.members[0]?.name)
  expect(forged).toBe(0)
})

test("a session that was stolen reads nothing from another record's path", async () => {
  const token = gateway.issuer.token({ beneficiary_ids: [mine.members[0]?.beneficiaryId] })
  const path = (id: string | undefined): string => `/api/v2/beneficiaries/${String(id)}`
  expect((await gateway.get(path(mine.members[0]?.beneficiaryId), token)).status).toBe(200)
  expect((await gateway.get(path(other.members[0]?.beneficiaryId), token)).status).toBe(403)
})

test('fifty uses of one code over two workers: exactly one opens a session', async () => {
  const { transaction, code } = await codeFor(other.mobile)
  const answers = await Promise.all(Array.from({ length: 50 }, () => post('verify', { transaction, code })))
  const statuses = answers.map(({ status }) => status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  expect(statuses.filter((status) => status === 401)).toHaveLength(49)
})

test('each refusal is the same, byte for byte but for its id', async () => {
  const { transaction, code } = await codeFor(other.mobile)
  const wrong = code === '000000' ? '000001' : '000000'
  await post('verify', { transaction, code })
  const bodies = new Set<string>()
  for (const tried of [
    { transaction, code },
    { transaction, code: wrong },
    { transaction: 'AAAAAAAAAAAAAAAAAAAAAA', code },
    { account: 'nobody', code },
  ]) {
    const answer = await post('verify', tried)
    bodies.add(`${answer.status} ${(await answer.text()).replace(/"instance":"[^"]*"/, '')}`)
  }
  expect([...bodies]).toHaveLength(1)
})

test.each([
  ['request', {}],
  ['request', { number: 'nobody' }],
  ['request', { number: ['+919876543210'] }],
  ['verify', {}],
  ['verify', { code: '123456' }],
  ['verify', { transaction: 'x', account: 'y', code: '1' }],
  ['verify', { transaction: 'x', code: ['123456'] }],
  ['verify', { transaction: 'x', code: { $gt: '' } }],
] as const)('%s of %j is 400', async (path, body) => {
  expect((await post(path, body)).status).toBe(400)
})

test.each(['', '7digits', '1234567', '１２３４５６', ' 123456', 'x'.repeat(3_000)])(
  'a code that is none is 401: %p',
  async (code) => {
    expect((await post('verify', { transaction: 'x', code })).status).toBe(401)
  },
)

test('an authenticator is a second way, once a step; its session proves no number', async () => {
  const code = createTotp(TOTP).generate()
  const answer = await post('verify', { account: 'asha', code })
  expect(answer.status).toBe(200)
  const { access_token: token } = (await answer.json()) as { access_token: string }
  expect((await post('verify', { account: 'asha', code })).status).toBe(401)
  expect((await gateway.get('/api/v2/facilities', token)).status).toBe(200)
  expect((await lookUp(mine.mobile, token)).status).toBe(403)
})

test('the public keys are served, and the private ones are not', async () => {
  const answer = await gateway.get('/.portcullis/otp/jwks.json')
  const { keys } = (await answer.json()) as { keys: Record<string, unknown>[] }
  expect([answer.status, keys.length]).toEqual([200, 3])
  expect(keys.every((key) => key.d === undefined && key.alg === 'ES256')).toBe(true)
})

test('all of it is counted, by what became of it', async () => {
  await codeFor(mine.mobile)
  const page = async (): Promise<string> => (await fetch(`http://127.0.0.1:${gateway.controlPort}/metrics`)).text()
  const of = (text: string, series: string): number =>
    Number(new RegExp(`^portcullis_${series.replaceAll(/[{}]/g, '\\$&')} (\\d+)$`, 'm').exec(text)?.[1])
  const text = await page()
  for (const series of [
    'otp_requests_total{result="sent"}',
    'otp_deliveries_total{result="delivered"}',
    'otp_verifications_total{way="number",result="verified"}',
    'otp_verifications_total{way="number",result="absent"}',
    'otp_verifications_total{way="account",result="verified"}',
    'otp_verifications_total{way="account",result="replayed"}',
  ])
    expect([series, of(text, series) > 0]).toEqual([series, true])
  expect(await eventually(async () => of(await page(), 'otp_outstanding') >= 1, 10_000)).toBe(true)
})

describe('the trail and the lock', () => {
  test('no number and no code stands in the log or the trail', async () => {
    const { code } = await codeFor(mine.mobile)
    expect(gateway.log()).not.toContain(mine.mobile)
    expect(gateway.log()).not.toContain(code)
  })

  test('a freeze stops codes as well', async () => {
    const [desk] = gateway.people
    if (desk === undefined) throw new Error('nobody')
    expect((await gateway.order(signOrder(desk, LOCK_ALL))).status).toBe(201)
    for (const answer of [
      await post('request', { number: mine.mobile }),
      await gateway.get('/.portcullis/otp/jwks.json'),
    ])
      expect(answer.status).toBe(503)
  })
})
