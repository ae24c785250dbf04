// One-time passwords in a fleet of two real gateways over a real Redis: a code, a budget and a proof of possession count once for both.
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { calculateJwkThumbprint } from 'jose'
import {
  eventually,
  makePerson,
  prepareGateway,
  signOrder,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'
import { missingRedis, startRedis, type RedisServer } from '../support/redis-server.ts'

const missing = missingRedis()
if (missing !== undefined) console.warn(`SKIPPED: one-time passwords in a fleet were not tried, since ${missing}`)
const withRedis = missing === undefined ? describe : describe.skip

const FLEET = 'otp-e2e'
const people = [
  makePerson('desk', 'responder'),
  makePerson('lead', 'commander'),
  makePerson('chief', 'commander'),
] as const
// `serve`: what is asked while Redis is away is judged by what this gateway may grant alone.
const ROUTES = `
  - { id: record.read, path: "/records/{id}", methods: [GET], upstream: registry, subjects: [param.id], session: required, stale: serve }
  - { id: proven, path: /proven, methods: [GET], upstream: registry, session: { level: required, binding: dpop }, stale: serve }
`
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const seconds = (): number => Math.floor(Date.now() / 1000)

withRedis('two gateways and a Redis', () => {
  const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-otp-fleet-'))
  const gateways: GatewayProcess[] = []
  const codes: string[] = []
  let redis: RedisServer
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>
  let sms: http.Server
  const at = (n: number): GatewayProcess => gateways[n] as GatewayProcess

  const prepare = async (): Promise<void> => {
    const secretFile = path.join(home, 'fleet.secret')
    const gateway = await prepareGateway({
      upstreamPort: upstream.port,
      routes: ROUTES,
      people,
      workers: 2,
      store: `{ kind: redis, dir: ./data, lease: 2s, redis: { url: "${redis.url}", fleet: ${FLEET}, secretFile: "${secretFile}" } }`,
      pseudonymKeyFile: path.join(home, 'pseudonym.key'),
      sessionExtra: '  budget: { subjects: 4 }',
      extra: `otp:
  issuer: https://gate.example.in
  audience: registry
  keyFile: ${path.join(home, 'otp.key')}
  webhook: { url: "http://127.0.0.1:${String((sms.address() as AddressInfo).port)}/sms", secretFile: ${path.join(home, 'webhook.secret')} }
`,
    })
    // One issuer for both.
    writeFileSync(path.join(gateway.home, 'jwks.json'), JSON.stringify((gateways[0] ?? gateway).issuer.jwks))
    gateways.push(gateway)
  }

  beforeAll(async () => {
    redis = await startRedis()
    upstream = await startRawUpstream()
    sms = http.createServer((request, response) => {
      let body = ''
      request.on('data', (piece: Buffer) => (body += piece.toString()))
      request.on('end', () => {
        codes.push((JSON.parse(body) as { code: string }).code)
        response.writeHead(204).end()
      })
    })
    await new Promise<void>((resolve) => sms.listen(0, '127.0.0.1', resolve))
    writeFileSync(path.join(home, 'fleet.secret'), 'a secret of a fleet in a test, and long enough\n', { mode: 0o600 })
    writeFileSync(path.join(home, 'webhook.secret'), 'a secret of more than thirty-two characters', { mode: 0o600 })
    await prepare()
    await at(0).start('/healthz')
    const genesis = signOrder(people[1], { kind: 'genesis', reason: 'the fleet begins' }, { aud: FLEET })
    expect((await at(0).order(genesis)).status).toBe(201)
    await prepare()
    await at(1).start('/healthz')
    for (const gateway of gateways)
      expect(
        await eventually(async () => (await gateway.get('/records/1', at(0).issuer.token())).status === 200, 20_000),
      ).toBe(true)
    const seen = async (): Promise<boolean> => {
      const { fleet } = (await (await at(1).api('/api/v1/status')).json()) as { fleet: { gateways: unknown[] } }
      return fleet.gateways.length === 2
    }
    expect(await eventually(seen, 20_000)).toBe(true)
  })

  afterAll(async () => {
    for (const each of gateways) await each.cleanUp()
    await upstream.close()
    sms.closeAllConnections()
    sms.close()
    await redis.stop()
    rmSync(home, { recursive: true, force: true })
  })

  const status = async (n: number, target: string, headers: Record<string, string>): Promise<number> => {
    const answer = await fetch(`${at(n).url}${target}`, { headers })
    await answer.arrayBuffer()
    return answer.status
  }
  const read = (n: number, id: string, token: string): Promise<number> =>
    status(n, `/records/${id}`, { authorization: `Bearer ${token}` })
  const somebody = (): string => at(0).issuer.token({ sub: randomUUID() })
  const post = (n: number, call: string, body: object): Promise<Response> =>
    fetch(`${at(n).url}/.portcullis/otp/${call}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  test('a code that one gives is taken by the other, once, and its session counts at both', async () => {
    const { transaction } = (await (await post(0, 'request', { number: '+919876543210' })).json()) as {
      transaction: string
    }
    expect(await eventually(async () => codes.length === 1)).toBe(true)
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => post(n % 2, 'verify', { transaction, code: codes[0] })),
    )
    const taken = answers.filter(({ status: each }) => each === 200)
    expect(taken).toHaveLength(1)
    const { access_token: token } = (await taken[0]?.json()) as { access_token: string }
    expect([await read(0, 'a', token), await read(1, 'a', token)]).toEqual([200, 200])
  })

  test('one OTP buys four people over both, however many ask at once', async () => {
    const token = somebody()
    const statuses = await Promise.all(Array.from({ length: 24 }, (_, n) => read(n % 2, `p${String(n)}`, token)))
    expect(statuses.filter((each) => each === 200)).toHaveLength(4)
    expect(statuses.filter((each) => each === 401)).toHaveLength(20)
    // Whom one has granted is nobody new to the other.
    for (const [n, each] of statuses.entries())
      if (each === 200)
        expect([await read(0, `p${String(n)}`, token), await read(1, `p${String(n)}`, token)]).toEqual([200, 200])
    // Another's begins anew.
    expect(await read(1, 'p0', somebody())).toBe(200)
  })

  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  const bound = async () => {
    const token = at(0).issuer.token({ cnf: { jkt: await calculateJwkThumbprint(jwk) } })
    const ath = createHash('sha256').update(token).digest('base64url')
    const claims = { jti: randomUUID(), htm: 'GET', htu: 'http://gate.example.in/proven', iat: seconds(), ath }
    const input = `${encode({ typ: 'dpop+jwt', alg: 'ES256', jwk })}.${encode(claims)}`
    const proof = `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
    return { authorization: `DPoP ${token}`, dpop: proof }
  }

  test('a proof of possession is taken once by both together', async () => {
    const shown = await bound()
    const ask = (n: number): Promise<number> => proven(n, shown)
    const statuses = await Promise.all(Array.from({ length: 12 }, (_, n) => ask(n % 2)))
    expect(statuses.filter((each) => each === 200)).toHaveLength(1)
    expect(statuses.filter((each) => each === 401)).toHaveLength(11)
    expect(await proven(1, await bound())).toBe(200)
  })

  /** Both behind one name, as behind a load balancer: fetch would not let the Host be chosen. */
  const proven = (n: number, headers: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      http
        .get(
          { host: '127.0.0.1', port: at(n).port, path: '/proven', headers: { ...headers, host: 'gate.example.in' } },
          (answer) => {
            answer.resume().on('end', () => {
              resolve(answer.statusCode ?? 0)
            })
          },
        )
        .on('error', reject)
    })

  test('without Redis: no proof is taken, an OTP has a share, and what it has read stays open', async () => {
    const token = somebody()
    expect(await read(0, 'a', token)).toBe(200)
    await redis.kill()
    expect(await proven(0, await bound())).toBe(503)
    expect([await read(0, 'a', token), await read(0, 'b', token), await read(0, 'c', token)]).toEqual([200, 200, 503])
    await redis.start()
    expect(await eventually(async () => (await proven(0, await bound())) === 200, 20_000)).toBe(true)
  })
})
