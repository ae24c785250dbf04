// Revocation in a fleet of real processes with a real Redis: ordered at one, or reported by an issuer to one, it ends sessions at all.
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis, fleetStoreOf } from '../support/fleet-processes.ts'
import { freePort } from '../support/free-port.ts'
import {
  eventually,
  makePerson,
  prepareGateway,
  signOrder,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'

const withRedis = describeWithRedis('revocation in a fleet was')

const FLEET = 'revocation-e2e'
const REVOKED_WITHIN_MS = 250
const people = [
  makePerson('night-desk', 'responder'),
  makePerson('lead', 'commander'),
  makePerson('chief', 'commander'),
  makePerson('idp-events', 'receiver'),
] as const
const [desk, lead, , receiver] = people
const ROUTES = `
  - { id: record.read, path: "/records/{id}", methods: [GET], upstream: registry, session: required }
  - { id: stream, path: /stream, methods: [GET], upstream: registry, session: required }
`
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const seconds = (): number => Math.floor(Date.now() / 1000)

const idp = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const IDP = 'https://idp.example.in'
function eventToken(subject: object, own: object = {}, header: object = {}): string {
  const events = {
    'https://schemas.openid.net/secevent/caep/event-type/session-revoked': { event_timestamp: seconds() },
  }
  const head = { alg: 'ES256', kid: 'idp', typ: 'secevent+jwt', ...header }
  const claims = { iss: IDP, aud: 'gateway', iat: seconds(), jti: randomUUID(), sub_id: subject, events, ...own }
  const input = `${encode(head)}.${encode(claims)}`
  const mark = sign('sha256', Buffer.from(input), { key: idp.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${mark.toString('base64url')}`
}

withRedis('three gateways and a Redis', () => {
  const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-revocation-'))
  const opened: { cleanUp(): Promise<void> }[] = []
  let redis: RedisServer
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>
  let gateways: GatewayProcess[] = []
  let eventsPort = 0

  beforeAll(async () => {
    redis = await startRedis()
    upstream = await startRawUpstream((socket, head) => {
      socket.write(
        head.includes('GET /stream')
          ? 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: 1\n\r\n'
          : 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok',
      )
    })
    eventsPort = await freePort()
    const storeOf = fleetStoreOf(home, FLEET)
    const keyFile = path.join(home, 'receiver.key')
    const jwksFile = path.join(home, 'idp.json')
    const pseudonymKey = path.join(home, 'pseudonym.key')
    writeFileSync(keyFile, receiver.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
    writeFileSync(jwksFile, JSON.stringify({ keys: [{ ...idp.publicKey.export({ format: 'jwk' }), kid: 'idp' }] }))
    for (let n = 0; n < 3; n++) {
      const gateway = await prepareGateway({
        upstreamPort: upstream.port,
        routes: ROUTES,
        people,
        store: storeOf({ url: redis.url }),
        pseudonymKeyFile: pseudonymKey,
        ...(n > 0
          ? {}
          : {
              sessionExtra: `  events: { listen: "127.0.0.1:${String(eventsPort)}", responder: idp-events, keyFile: "${keyFile}", transmitters: [{ issuer: "${IDP}", jwks: { file: "${jwksFile}" }, algorithms: [ES256], audience: gateway, speaksFor: ["https://otp.example.in"] }] }`,
            }),
      })
      opened.push(gateway)
      gateways.push(gateway)
    }
    await gateways[0]?.start('/healthz')
    const genesis = signOrder(lead, { kind: 'genesis', reason: 'the fleet begins' }, { aud: FLEET })
    expect((await at(0).order(genesis)).status).toBe(201)
    await Promise.all(gateways.slice(1).map((gateway) => gateway.start('/healthz')))
    for (const gateway of gateways) {
      expect(await eventually(async () => (await ask(gateway, gateway.issuer.token())) === 200, 20_000)).toBe(true)
    }
  })

  afterAll(async () => {
    for (const each of opened) await each.cleanUp()
    gateways = []
    await upstream.close()
    await redis.stop()
    rmSync(home, { recursive: true, force: true })
  })

  const at = (n: number): GatewayProcess => gateways[n] as GatewayProcess
  const ask = async (gateway: GatewayProcess, token: string): Promise<number> => {
    const answer = await gateway.get('/records/1', token)
    await answer.arrayBuffer()
    return answer.status
  }
  const endsAt = async (gateway: GatewayProcess, token: string, since: number): Promise<number> => {
    // What is open at that moment is cut, so that a question may end in a reset.
    while ((await ask(gateway, token).catch(() => 0)) !== 401) if (performance.now() - since > 5_000) return Infinity
    return performance.now() - since
  }
  const openStream = async (gateway: GatewayProcess, token: string): Promise<{ readonly closed: Promise<number> }> => {
    const socket = net.connect(gateway.port, '127.0.0.1')
    socket.write(`GET /stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    socket.on('error', () => undefined)
    const closed = new Promise<number>((resolve) =>
      socket.once('close', () => {
        resolve(performance.now())
      }),
    )
    let text = ''
    await new Promise<void>((resolve, reject) => {
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (text.includes('data: 1')) resolve()
      })
      socket.once('close', () => {
        reject(new Error(`the stream did not open: ${text}`))
      })
    })
    return { closed }
  }

  const push = (token: string, type = 'application/secevent+jwt'): Promise<Response> =>
    fetch(`http://127.0.0.1:${String(eventsPort)}/events`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: token,
    })
  const fresh = (n: number, claims: Record<string, unknown> = {}): string => at(n).issuer.token(claims)

  test('session-revoked pushed to one ends the session at another, and no other session', async () => {
    const sid = randomUUID()
    const [ended, other] = [fresh(1, { sid }), fresh(1)]
    expect([await ask(at(1), ended), await ask(at(1), other)]).toEqual([200, 200])
    const subject = {
      format: 'complex',
      session: { format: 'opaque', id: sid },
      user: { format: 'email', email: 'a@b.c' },
    }
    const token = eventToken(subject)
    const answer = await push(token)
    expect([answer.status, await answer.text()]).toEqual([202, ''])
    expect(await eventually(async () => (await ask(at(1), ended)) === 401)).toBe(true)
    expect(await ask(at(1), other)).toBe(200)
    const epoch = async () => ((await (await at(0).api('/api/v1/status')).json()) as { epoch: number }).epoch
    const before = await epoch()
    expect((await push(token)).status).toBe(202)
    expect(await epoch()).toBe(before)
  })

  test('of a person ends what was open then, and not what is opened later', async () => {
    const sub = `citizen-${randomUUID()}`
    const old = at(1).issuer.token({ sub, auth_time: seconds() - 60 })
    const later = at(1).issuer.token({ sub, auth_time: seconds() + 20 })
    const other = at(1).issuer.token({ auth_time: seconds() - 60 })
    expect([await ask(at(1), old), await ask(at(1), later), await ask(at(1), other)]).toEqual([200, 200, 200])
    const event = { event_timestamp: seconds(), reason_admin: { en: 'lost phone' } }
    const events = { 'https://schemas.openid.net/secevent/caep/event-type/session-revoked': event }
    const subject = { format: 'iss_sub', iss: 'https://otp.example.in', sub }
    expect((await push(eventToken(subject, { events }))).status).toBe(202)
    expect(await eventually(async () => (await ask(at(1), old)) === 401)).toBe(true)
    expect([await ask(at(1), later), await ask(at(1), other)]).toEqual([200, 200])
  })

  test.each<[string, () => string, string]>([
    ['signed by nobody', () => `${eventToken({}).slice(0, -8)}AAAAAAAA`, 'invalid_request|invalid_key'],
    ['of another issuer', () => eventToken({}, { iss: 'https://evil.example' }), 'invalid_issuer'],
    ['for another audience', () => eventToken({}, { aud: 'other' }), 'invalid_audience'],
    ['of another typ', () => eventToken({}, {}, { typ: 'JWT' }), 'invalid_request'],
    [
      'of a person of another issuer',
      () => eventToken({ format: 'iss_sub', iss: 'https://x', sub: 'a' }),
      'invalid_issuer',
    ],
    ['of nobody', () => eventToken({ format: 'email', email: 'a@b.c' }), 'invalid_request'],
    ['from tomorrow', () => eventToken({}, { iat: seconds() + 86_400 }), 'invalid_request'],
    ['a token of a session', () => fresh(0), 'invalid_request'],
  ])('an event %s is refused', async (_name, token, err) => {
    const answer = await push(token())
    expect(answer.status).toBe(400)
    expect(((await answer.json()) as { err: string }).err).toMatch(new RegExp(`^(?:${err})$`))
  })

  test('the receiver takes nothing else', async () => {
    expect((await push(eventToken({}), 'application/json')).status).toBe(400)
    expect((await push('x'.repeat(100_000))).status).toBe(400)
    expect((await fetch(`http://127.0.0.1:${String(eventsPort)}/events`)).status).toBe(405)
    expect((await fetch(`http://127.0.0.1:${String(eventsPort)}/`, { method: 'POST' })).status).toBe(404)
    const lock = signOrder(receiver, { kind: 'lock', scope: { all: true }, reason: 'x', incident: 'y' }, { aud: FLEET })
    expect((await at(0).order(lock)).status).toBe(403)
  })

  test('revoke-all-before ends every session and stream at all three within 250 ms', async () => {
    const slowest: number[] = []
    // The machine may be busy with other tests: what counts is the best of three.
    for (let round = 1; round <= 3; round++) {
      const openedAt = seconds() + 3 * round
      const tokens = gateways.map((gateway) =>
        Array.from({ length: 5 }, () => gateway.issuer.token({ iat: seconds(), auth_time: openedAt })),
      )
      for (const [n, own] of tokens.entries()) for (const token of own) expect(await ask(at(n), token)).toBe(200)
      const streams = await Promise.all(gateways.map((gateway, n) => openStream(gateway, tokens[n]?.[0] ?? '')))
      const words = {
        kind: 'revoke',
        before: new Date((openedAt + 1) * 1000).toISOString(),
        reason: 'leak',
        incident: 'INC-7',
      }
      const jws = signOrder(desk, words, { aud: FLEET })
      const start = performance.now()
      const accepted = at(0).order(jws)
      const ended = await Promise.all(gateways.map((gateway, n) => endsAt(gateway, tokens[n]?.[1] ?? '', start)))
      const cut = (await Promise.all(streams.map(({ closed }) => closed))).map((when) => when - start)
      expect((await accepted).status).toBe(201)
      for (const [n, own] of tokens.entries()) for (const token of own) expect(await ask(at(n), token)).toBe(401)
      slowest.push(Math.max(...ended, ...cut))
      const later = at(1).issuer.token({ iat: seconds(), auth_time: openedAt + 2 })
      expect(await ask(at(1), later)).toBe(200)
    }
    console.log(`revoked everywhere after ${slowest.map((ms) => ms.toFixed(0)).join(', ')} ms`)
    expect(Math.min(...slowest)).toBeLessThan(REVOKED_WITHIN_MS)
  })

  test('and still after a restart', async () => {
    const old = at(2).issuer.token({ auth_time: seconds() - 60 })
    const fresh = at(2).issuer.token({ iat: seconds(), auth_time: seconds() + 20 })
    expect(await ask(at(2), old)).toBe(401)
    await at(2).stop('SIGKILL')
    await at(2).start('/healthz')
    expect(await eventually(async () => (await ask(at(2), fresh)) === 200, 20_000)).toBe(true)
    expect(await ask(at(2), old)).toBe(401)
  })
})
