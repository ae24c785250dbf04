// Every kind of session through a real process, as its config says: a cookie, an opaque token, a bound one, claims told to the upstream.
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { calculateJwkThumbprint } from 'jose'
import { prepareGateway, startRawUpstream, type GatewayProcess } from '../support/gateway-process.ts'

const ROUTES = `
  - { id: record.read, path: "/records/{id}", methods: [GET], upstream: registry, session: { level: required, bind: { param.id: claim.records } }, forward: { claims: { X-Citizen: claim.sub } } }
  - { id: proven, path: /proven, methods: [GET], upstream: registry, session: { level: required, binding: dpop } }
  - { id: strong, path: /strong, methods: [GET], upstream: registry, session: { level: required, maxAge: 5m, otp: { acr: [loa3] } } }
`
const OPAQUE = 'opaque-3f1c9b7a5d2e4c6f'
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const seconds = (): number => Math.floor(Date.now() / 1000)

let gateway: GatewayProcess
let upstream: Awaited<ReturnType<typeof startRawUpstream>>
let issuer: Server
let active: object = {}
const asked: string[] = []

beforeAll(async () => {
  issuer = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      asked.push(body)
      response.end(JSON.stringify(body.includes(OPAQUE) ? { active: true, ...active } : { active: false }))
    })
  })
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve))
  upstream = await startRawUpstream()
  const port = String((issuer.address() as AddressInfo).port)
  gateway = await prepareGateway({
    upstreamPort: upstream.port,
    routes: ROUTES,
    workers: 2,
    sessionExtra: `  from: [bearer, cookie.sid]
  opaque: { issuer: "https://opaque.example", introspection: { url: "http://127.0.0.1:${port}/i", clientId: gw, secretFile: ./secret } }`,
  })
  writeFileSync(path.join(gateway.home, 'secret'), 'hush\n')
  await gateway.start()
})

afterAll(async () => {
  await gateway.cleanUp()
  await upstream.close()
  issuer.closeAllConnections()
  await new Promise((resolve) => issuer.close(resolve))
})

const ask = async (target: string, headers: Record<string, string>): Promise<Response> => {
  const answer = await fetch(`${gateway.url}${target}`, { headers })
  await answer.arrayBuffer()
  return answer
}
const lastHead = (): string => upstream.received().split('GET ').at(-1) ?? ''

test('a JWT in a cookie, with its claim told and its cookie kept back', async () => {
  const token = gateway.issuer.token({ sub: 'citizen-7', records: ['7'] })
  const headers = { cookie: `theme=dark; sid=${token}`, 'x-citizen': 'citizen-8', X_Citizen: 'citizen-9' }
  expect((await ask('/records/7', headers)).status).toBe(200)
  expect(lastHead()).toMatch(/\r\nX-Citizen: citizen-7\r\n/)
  expect(lastHead()).toMatch(/\r\ncookie: theme=dark\r\n/i)
  expect(lastHead()).not.toMatch(/citizen-8|citizen-9|eyJ/)
  expect((await ask('/records/8', headers)).status).toBe(403)
  expect((await ask('/records/7', { ...headers, authorization: `Bearer ${token}` })).status).toBe(400)
})

test('an opaque token, asked for once by each worker for as long as the answer counts', async () => {
  active = { sub: 'citizen-1', records: ['1'], amr: ['otp'], auth_time: seconds(), iat: seconds() }
  for (let n = 0; n < 10; n++) expect((await ask('/records/1', { authorization: `Bearer ${OPAQUE}` })).status).toBe(200)
  expect(asked.filter((body) => body.includes(OPAQUE)).length).toBeLessThanOrEqual(2)
  expect((await ask('/records/2', { authorization: `Bearer ${OPAQUE}` })).status).toBe(403)
  expect((await ask('/records/1', { authorization: 'Bearer another-opaque-token' })).status).toBe(401)
})

test('a token that is bound to a key: with its proof alone, once, whichever worker it meets', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  const token = gateway.issuer.token({ cnf: { jkt: await calculateJwkThumbprint(jwk) } })
  const ath = createHash('sha256').update(token).digest('base64url')
  const prove = (): string => {
    const claims = { jti: randomUUID(), htm: 'GET', htu: `${gateway.url}/proven`, iat: seconds(), ath }
    const input = `${encode({ typ: 'dpop+jwt', alg: 'ES256', jwk })}.${encode(claims)}`
    return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
  const shown = { authorization: `DPoP ${token}`, dpop: prove(), connection: 'close' }
  const statuses = await Promise.all(Array.from({ length: 12 }, async () => (await ask('/proven', shown)).status))
  expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  expect(statuses.filter((status) => status === 401)).toHaveLength(11)
  expect((await ask('/proven', { authorization: `DPoP ${token}`, dpop: prove() })).status).toBe(200)
  const refused = await ask('/proven', { authorization: `Bearer ${token}` })
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, expect.stringMatching(/^DPoP /)])
  expect((await ask('/proven', { authorization: `Bearer ${gateway.issuer.token()}` })).status).toBe(401)
})

test('a route that counts a class of its own as an OTP says so in its challenge', async () => {
  const weak = await ask('/strong', { authorization: `Bearer ${gateway.issuer.token()}` })
  expect(weak.status).toBe(401)
  expect(weak.headers.get('www-authenticate')).toMatch(
    /error="insufficient_user_authentication".*max_age="300", acr_values="loa3"/,
  )
  const strong = gateway.issuer.token({ amr: ['pwd'], acr: 'loa3' })
  expect((await ask('/strong', { authorization: `Bearer ${strong}` })).status).toBe(200)
})
