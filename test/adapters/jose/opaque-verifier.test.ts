// Opaque sessions: asked for at an issuer over HTTP (RFC 7662) and looked up in a real Redis, judged like any other, each cached for a short while.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { createOpaqueVerifier, type OpaqueVerifierOptions } from '../../../src/adapters/jose/opaque-verifier.ts'
import { createIntrospection } from '../../../src/adapters/node/introspection.ts'
import { createSessionLookup } from '../../../src/adapters/redis/session-lookup.ts'
import type { SessionLookup } from '../../../src/ports/session-lookup.ts'
import { missingRedis, startRedis, type RedisServer } from '../../support/redis-server.ts'
import { NOW, pseudonyms, sessionOf } from './token-support.ts'

const TOKEN = 'o_5b3c9a7e1f2d4c6b8a90'
const ISSUER = 'https://otp.example.in'
const CLAIMS = { sub: 'citizen-1', iat: NOW - 60, exp: NOW + 900, auth_time: NOW - 60, amr: ['otp'], sid: 's-1' }
const logged: string[] = []
const logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields)}`),
  error: () => undefined,
}

function open(lookup: SessionLookup, own: Partial<OpaqueVerifierOptions> = {}) {
  const clock = { now: NOW * 1000 }
  const verifier = createOpaqueVerifier({
    lookup,
    rules: { issuer: ISSUER, otpAmr: ['otp'] },
    cacheMs: 10_000,
    entriesMax: 1_000,
    clockToleranceMs: 30_000,
    pseudonyms,
    logger,
    ...own,
  })
  return { clock, verify: (token = TOKEN) => verifier.verify(token, clock.now) }
}

/** Answers from memory, and counts. */
function holding(sessions: Record<string, object | Error | undefined>) {
  const asked: string[] = []
  const lookup: SessionLookup = {
    find: async (token) => {
      asked.push(token)
      const found = sessions[token]
      if (found instanceof Error) throw found
      return found as Record<string, unknown> | undefined
    },
    close: () => Promise.resolve(),
  }
  return { asked, lookup, sessions }
}

describe('what is found', () => {
  test('becomes a session like that of a JWT, and is asked for once for as long as it counts', async () => {
    const { asked, lookup } = holding({ [TOKEN]: { ...CLAIMS, client_id: 'app' } })
    const { verify, clock } = open(lookup)
    const session = sessionOf(await verify())
    expect(session).toMatchObject({
      issuer: ISSUER,
      principal: pseudonyms.of('principal', 'citizen-1'),
      session: pseudonyms.of('session', `${ISSUER}#s-1`),
      clients: ['app', `${ISSUER}#app`],
      byOtp: true,
      authTime: NOW - 60,
    })
    expect(verify()).toEqual({ session })
    clock.now += 9_999
    expect(verify()).toEqual({ session })
    clock.now += 1
    expect(verify()).toBeInstanceOf(Promise)
    await verify()
    expect(asked).toHaveLength(2)
  })

  test.each<[string, object, boolean]>([
    ['without a name of its own: by the hash of the token', { sid: undefined }, true],
    ['without exp: until it is asked for anew', { exp: undefined }, true],
    ['of the issuer by name', { iss: ISSUER }, true],
    ['of another issuer', { iss: 'https://evil.example' }, false],
    ['expired', { exp: NOW - 31 }, false],
    ['without sub', { sub: undefined }, false],
    ['not yet valid', { nbf: NOW + 31 }, false],
    ['with an OTP of tomorrow', { auth_time: NOW + 86_400 }, false],
    ['with a date that is a text', { exp: String(NOW + 900) }, false],
  ])('%s', async (_name, own, holds) => {
    const { verify } = open(holding({ [TOKEN]: { ...CLAIMS, ...own } }).lookup)
    const verification = await verify()
    if (!holds) expect(verification).toHaveProperty('refused', 'invalid')
    else expect(sessionOf(verification).session).toMatch(/^[\w-]+\.[\w-]{22}$/)
  })

  test('must be for the audience, where one is asked for', async () => {
    const rules = { issuer: ISSUER, otpAmr: ['otp'], audience: 'registry' }
    for (const [aud, holds] of [
      ['registry', true],
      [['a', 'registry'], true],
      ['other', false],
      [undefined, false],
    ]) {
      const { verify } = open(holding({ [TOKEN]: { ...CLAIMS, aud } }).lookup, { rules })
      expect('session' in (await verify())).toBe(holds)
    }
  })

  test('is gone at its exp, though the answer would still count', async () => {
    const { verify, clock } = open(holding({ [TOKEN]: { ...CLAIMS, exp: NOW + 5 } }).lookup, { clockToleranceMs: 0 })
    expect(await verify()).toHaveProperty('session')
    clock.now += 5_000
    expect(await verify()).toHaveProperty('refused', 'invalid')
  })
})

describe('what is not found', () => {
  test('is remembered for as short a while, apart from what is', async () => {
    const { asked, lookup, sessions } = holding({ [TOKEN]: CLAIMS })
    const { verify, clock } = open(lookup, { entriesMax: 10 })
    await verify()
    for (let n = 0; n < 100; n++) expect(await verify(`${TOKEN}${String(n)}`)).toHaveProperty('refused', 'invalid')
    expect(verify()).toHaveProperty('session')
    expect(await verify(`${TOKEN}99`)).toHaveProperty('refused', 'invalid')
    expect(asked).toHaveLength(101)
    sessions[`${TOKEN}99`] = CLAIMS
    clock.now += 10_000
    expect(await verify(`${TOKEN}99`)).toHaveProperty('session')
  })

  test('is asked for once by many at the same time, and many others at once are answered unavailable', async () => {
    const { asked, lookup } = holding({ [TOKEN]: CLAIMS })
    const { verify } = open(lookup, { pendingMax: 3 })
    const same = await Promise.all(Array.from({ length: 10 }, () => verify()))
    expect(same.every((each) => 'session' in each)).toBe(true)
    expect(asked).toHaveLength(1)
    const others = await Promise.all(Array.from({ length: 5 }, (_, n) => verify(`${TOKEN}${String(n)}`)))
    expect(others.map((each) => 'refused' in each && each.refused)).toEqual([
      ...Array<string>(3).fill('invalid'),
      ...Array<string>(2).fill('unavailable'),
    ])
  })

  test('a holder that fails is unavailable, asked again at once, and what is known still holds', async () => {
    const { lookup, sessions } = holding({ [TOKEN]: CLAIMS })
    const { verify } = open(lookup)
    await verify()
    const other = `${TOKEN}x`
    sessions[other] = new Error('down')
    expect(await verify(other)).toHaveProperty('refused', 'unavailable')
    expect(verify()).toHaveProperty('session')
    sessions[other] = CLAIMS
    expect(await verify(other)).toHaveProperty('session')
    expect(logged.join()).not.toContain(TOKEN)
  })

  test.each(['short', 'x'.repeat(4_097)])(
    'a token that is too short or too long is asked for nowhere',
    async (token) => {
      const { asked, lookup } = holding({})
      expect(await open(lookup).verify(token)).toHaveProperty('refused', 'invalid')
      expect(asked).toEqual([])
    },
  )
})

describe('introspection (RFC 7662)', () => {
  const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-introspection-'))
  const secretFile = path.join(home, 'secret')
  writeFileSync(secretFile, 's:e cret\n')
  let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      answer(request, response, body)
    })
  })
  let url = ''
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/introspect`
  })
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    rmSync(home, { recursive: true, force: true })
  })
  const lookup = (timeoutMs = 2_000) => createIntrospection({ url, clientId: 'gate way', secretFile, timeoutMs })
  const say = (status: number, text: string) => (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(text)
  }

  test('asks as the standard says, and takes what is active', async () => {
    let seen = ''
    answer = (request, response, body) => {
      seen = `${request.method ?? ''} ${request.url ?? ''} ${request.headers.authorization ?? ''} ${body}`
      say(200, JSON.stringify({ active: true, ...CLAIMS }))(request, response)
    }
    expect(await (await lookup()).find('a&b=+c')).toMatchObject({ sub: 'citizen-1' })
    const basic = Buffer.from('gate+way:s%3Ae+cret').toString('base64')
    expect(seen).toBe(`POST /introspect Basic ${basic} token=a%26b%3D%2Bc&token_type_hint=access_token`)
    answer = say(200, '{"active":false}')
    expect(await (await lookup()).find(TOKEN)).toBeUndefined()
  })

  test.each([
    ['an error', say(500, '{"active":true}')],
    ['a refusal of the gateway itself', say(401, '{"active":true}')],
    ['no JSON', say(200, 'active')],
    ['no word of active', say(200, '{"sub":"x"}')],
    ['active as a text', say(200, '{"active":"true"}')],
    ['a megabyte', say(200, `{"active":true,"pad":"${'x'.repeat(1_000_000)}"}`)],
    [
      'a redirect',
      (_request: IncomingMessage, response: ServerResponse) => {
        response.writeHead(307, { location: '/elsewhere' }).end()
      },
    ],
  ])('%s is no answer', async (_name, how) => {
    answer = how
    await expect((await lookup()).find(TOKEN)).rejects.toThrow()
    await (await lookup()).find(TOKEN).catch((error: unknown) => {
      expect(String(error)).not.toContain(TOKEN)
    })
  })

  test('an endpoint that hangs is given up', async () => {
    answer = () => undefined
    await expect((await lookup(50)).find(TOKEN)).rejects.toThrow()
  })

  test('a secret that is absent is told by its file', async () => {
    await expect(
      createIntrospection({ url, clientId: 'g', secretFile: `${secretFile}.x`, timeoutMs: 1 }),
    ).rejects.toThrow(/secret\.x/)
  })
})

const missing = missingRedis()
if (missing !== undefined) console.warn(`SKIPPED: sessions in Redis were not tried, since ${missing}`)
const withRedis = missing === undefined ? describe : describe.skip
withRedis('a Redis', () => {
  let redis: RedisServer
  const lookups: SessionLookup[] = []
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterEach(async () => {
    for (const each of lookups.splice(0)) await each.close()
  })
  afterAll(() => redis.stop())
  const connect = async (key: string, url = redis.url): Promise<SessionLookup> => {
    const lookup = createSessionLookup({ url, key, timeoutMs: 2_000, fraction: () => 0.5 })
    lookups.push(lookup)
    while (
      await lookup.find('none').then(
        () => false,
        () => true,
      )
    )
      await new Promise((resolve) => setImmediate(resolve))
    return lookup
  }

  test('holds sessions by token or by its hash', async () => {
    await redis.command('SET', `session:${TOKEN}`, JSON.stringify(CLAIMS))
    await redis.command('SET', createHash('sha256').update(TOKEN).digest('hex'), JSON.stringify({ sub: 'hashed' }))
    expect(await (await connect('session:{token}')).find(TOKEN)).toEqual(CLAIMS)
    expect(await (await connect('session:{token}')).find('session:$&')).toBeUndefined()
    expect(await (await connect('{sha256}')).find(TOKEN)).toEqual({ sub: 'hashed' })
  })

  test('what is no JSON object, or no text, is no answer', async () => {
    await redis.command('SET', 'bad:1', '["a"]')
    await redis.command('SET', 'bad:2', '{"sub":')
    await redis.command('LPUSH', 'bad:3', 'x')
    const lookup = await connect('bad:{token}')
    for (const token of ['1', '2', '3']) await expect(lookup.find(token)).rejects.toThrow()
    expect(await lookup.find('4')).toBeUndefined()
  })

  test('that is gone is unavailable at once, and well again when it is back', async () => {
    const lookup = await connect('session:{token}')
    await redis.kill()
    await expect(lookup.find(TOKEN)).rejects.toThrow()
    const { verify } = open(lookup)
    expect(await verify()).toHaveProperty('refused', 'unavailable')
    await redis.start()
    await redis.command('SET', `session:${TOKEN}`, JSON.stringify(CLAIMS))
    while ('refused' in (await verify())) await new Promise((resolve) => setImmediate(resolve))
    expect(await verify()).toHaveProperty('session')
  })
})
