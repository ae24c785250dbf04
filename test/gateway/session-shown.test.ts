// How a session is shown: one token in one place, a proof or a certificate where the token is bound, and what the upstream is told of it.
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { afterAll, describe, expect, test } from '@jest/globals'
import { calculateJwkThumbprint } from 'jose'
import { createProofVerifier, type ProofVerifierOptions } from '../../src/adapters/jose/proof-verifier.ts'
import { serverTlsOptions } from '../../src/adapters/node/tls-server.ts'
import { compileFieldRules } from '../../src/gateway/upstream-fields.ts'
import { createReplayMemory, createReplaySlab } from '../../src/throttle/replay-slab.ts'
import { encode, makeKey, pseudonyms, signBytes, type Jwk } from '../adapters/jose/token-support.ts'
import { createAuthority } from '../support/certificates.ts'
import { field, problemOf, type RawResponse } from '../support/raw-client.ts'
import { fieldOf, fieldsOf } from '../support/raw-upstream.ts'
import { useRig } from '../support/rig.ts'
import { request, routeOf, type DataPlane, type RouteSpec } from '../support/start-data-plane.ts'

const start = useRig()
const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-shown-'))
afterAll(() => {
  rmSync(home, { recursive: true, force: true })
})

const required = { level: 'required', bind: [] } as const
const ROUTES: readonly RouteSpec[] = [
  { path: '/records/{id}', methods: ['GET', 'POST'], session: required },
  { path: '/proven', session: { ...required, binding: 'dpop' } },
  { path: '/certified', session: { ...required, binding: 'mtls' } },
  { path: '/left', session: { ...required, binding: 'none' }, forwardAuthorization: true },
]
const GET = (target: string, fields: Record<string, string>) => request('GET', target, fields)
const key = makeKey('ES256', 'p')
const publicJwk: Jwk = { kty: 'EC', crv: 'P-256', x: key.jwk.x, y: key.jwk.y }
const jkt = await calculateJwkThumbprint(publicJwk)

describe('carriers', () => {
  const carriers = { bearer: true, cookies: ['sid'], headers: ['x-session'] }
  const open = async () => {
    const fieldRules = compileFieldRules(ROUTES.map(routeOf), carriers)
    const rig = await start({ routes: ROUTES, settings: { carriers, ...(fieldRules && { fieldRules }) } })
    return { ...rig, token: rig.plane.token() }
  }

  test.each([
    ['bearer', (token: string) => ({ Authorization: `Bearer ${token}` })],
    ['a cookie among others', (token: string) => ({ Cookie: `a=1; sid=${token}; b=2` })],
    ['a cookie in quotes', (token: string) => ({ Cookie: `sid="${token}"` })],
    ['a header', (token: string) => ({ 'X-Session': token })],
  ])('%s is taken, and does not reach the upstream', async (_name, fields) => {
    const { plane, upstream, token } = await open()
    const answer = await plane.ask(GET('/records/7', fields(token)))
    expect(answer.status).toBe(200)
    expect(upstream.requests[0]?.head).not.toContain(token)
    const cookie = (fields(token) as { Cookie?: string }).Cookie
    if (cookie?.includes('a=1') === true) expect(fieldOf(upstream.requests[0], 'cookie')).toBe('a=1; b=2')
    if (cookie === `sid="${token}"`) expect(fieldsOf(upstream.requests[0], 'cookie')).toEqual([])
  })

  test.each([
    ['bearer and cookie', (token: string) => `Authorization: Bearer ${token}\r\nCookie: sid=${token}\r\n`],
    ['bearer and header', (token: string) => `Authorization: Bearer ${token}\r\nX-Session: ${token}\r\n`],
    ['two cookies of the name', (token: string) => `Cookie: sid=${token}; sid=${token}\r\n`],
    ['two Cookie fields', (token: string) => `Cookie: sid=${token}\r\nCookie: sid=${token}\r\n`],
    ['two spellings of the header', (token: string) => `X-Session: ${token}\r\nX_Session: ${token}\r\n`],
    ['two Authorization fields', (token: string) => `Authorization: Bearer ${token}\r\nAuthorization: Basic YQ==\r\n`],
    ['a header of two words', (token: string) => `X-Session: ${token} ${token}\r\n`],
    ['an empty cookie', () => `Cookie: sid=\r\n`],
  ])('%s: 400, and nothing is forwarded', async (_name, lines) => {
    const { plane, upstream, token } = await open()
    const answer = await plane.ask(`GET /records/7 HTTP/1.1\r\nHost: api.example.in\r\n${lines(token)}\r\n`)
    expect(answer.status).toBe(400)
    expect(upstream.requests).toEqual([])
  })

  test('without the config a cookie is no credential', async () => {
    const { plane } = await start({ routes: ROUTES })
    expect((await plane.ask(GET('/records/7', { Cookie: `sid=${plane.token()}` }))).status).toBe(401)
  })

  test('Authorization is no credential where it is not a carrier', async () => {
    const { plane } = await start({ routes: ROUTES, settings: { carriers: { ...carriers, bearer: false } } })
    expect((await plane.ask(GET('/records/7', { Authorization: `Bearer ${plane.token()}` }))).status).toBe(401)
  })
})

describe('claims as fields', () => {
  const routes: readonly RouteSpec[] = [
    {
      path: '/told',
      session: { level: 'optional', bind: [] },
      forwardClaims: [
        { field: 'X-Citizen', claim: 'sub' },
        { field: 'X-Records', claim: 'records' },
        { field: 'X-Odd', claim: 'odd' },
      ],
    },
    { path: '/untold' },
  ]
  const open = () => {
    const fieldRules = compileFieldRules(routes.map(routeOf), undefined)
    return start({ routes, settings: { ...(fieldRules && { fieldRules }) } })
  }

  test.each([
    ['a text', 'citizen-1', 'citizen-1'],
    ['what a field cannot hold', 'Asha\r\nX-Admin: 1, 100%', 'Asha%0D%0AX-Admin:%201%2C%20100%25'],
    ['another script', 'आशा', '%E0%A4%86%E0%A4%B6%E0%A4%BE'],
    ['a number', 7, '7'],
    ['a list', ['a,b', 7, true], 'a%2Cb,7,true'],
    ['an object', { a: 1 }, undefined],
    ['an empty list', [], undefined],
    ['a list of lists', [['a']], undefined],
  ])('%s', async (_name, sub, expected) => {
    const { plane, upstream } = await open()
    const token = plane.token({ claims: { sub } })
    expect((await plane.ask(GET('/told', { Authorization: `Bearer ${token}` }))).status).toBe(200)
    expect(fieldOf(upstream.requests[0], 'x-citizen')).toBe(expected)
    expect(fieldOf(upstream.requests[0], 'x-admin')).toBeUndefined()
    expect(fieldOf(upstream.requests[0], 'x-odd')).toBeUndefined()
  })

  test.each(['X-Citizen', 'x-citizen', 'X_Citizen', 'x_CITIZEN', 'X.Citizen'])(
    'a field %s of the caller never reaches the upstream, with a session or without, on any route',
    async (name) => {
      const { plane, upstream } = await open()
      const token = plane.token({ claims: { sub: 'citizen-1' } })
      const both = { Authorization: `Bearer ${token}`, [name]: 'somebody-else' }
      for (const [target, fields] of [
        ['/told', both],
        ['/told', { [name]: 'somebody-else' }],
        ['/untold', { [name]: 'somebody-else' }],
      ] as const) {
        expect((await plane.ask(GET(target, fields))).status).toBe(200)
      }
      expect(upstream.requests.map((seen) => seen.head).join()).not.toContain('somebody-else')
      expect(fieldsOf(upstream.requests[0], 'x-citizen')).toEqual(['citizen-1'])
    },
  )
})

interface ProofOf {
  readonly claims?: Record<string, unknown>
  readonly header?: Record<string, unknown>
  readonly by?: typeof key
}

describe('DPoP', () => {
  const open = async (own: Partial<ProofVerifierOptions> = {}) => {
    const slab = createReplaySlab(createReplayMemory(1024))
    const proofs = createProofVerifier({
      algorithms: ['ES256', 'EdDSA'],
      origins: [],
      maxAgeMs: 60_000,
      clockToleranceMs: 30_000,
      nonce: false,
      pseudonyms,
      use: slab.use,
      ...own,
    })
    const rig = await start({ routes: ROUTES, settings: { proofs } })
    const token = rig.plane.token({ confirmation: { jkt } })
    return { ...rig, token, proofs }
  }
  const proofOf = (plane: DataPlane, token: string, { claims = {}, header = {}, by = key }: ProofOf = {}): string => {
    const head = { typ: 'dpop+jwt', alg: by.alg, jwk: publicJwk, ...header }
    const ath = createHash('sha256').update(token).digest('base64url')
    const iat = Math.floor(plane.clock.now() / 1000)
    const own = { jti: randomUUID(), htm: 'GET', htu: 'http://api.example.in/records/7', iat, ath, ...claims }
    const input = `${encode(head)}.${encode(own)}`
    return `${input}.${signBytes(input, by)}`
  }
  const shown = (token: string, proof: string) => ({ Authorization: `DPoP ${token}`, DPoP: proof })
  const expectChallenge = (answer: RawResponse, error: string): void => {
    expect(answer.status).toBe(401)
    expect(field(answer, 'www-authenticate')).toBe(`DPoP realm="portcullis", error="${error}", algs="ES256 EdDSA"`)
  }

  test('a proof of the key lets the token through once, and neither reaches the upstream', async () => {
    const { plane, upstream, token } = await open()
    const proof = proofOf(plane, token)
    expect((await plane.ask(GET('/records/7?a=1', shown(token, proof)))).status).toBe(200)
    expectChallenge(await plane.ask(GET('/records/7', shown(token, proof))), 'invalid_dpop_proof')
    expect(upstream.requests).toHaveLength(1)
    expect(upstream.requests[0]?.head).not.toMatch(/dpop/i)
    for (let n = 0; n < 3; n++)
      expect((await plane.ask(GET('/records/7', shown(token, proofOf(plane, token))))).status).toBe(200)
  })

  test('of 20 uses of one proof at the same time one is let through', async () => {
    const { plane, token } = await open()
    const head = GET('/records/7', shown(token, proofOf(plane, token)))
    const answers = await Promise.all(Array.from({ length: 20 }, () => plane.ask(head)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  test('a bound token without its proof, or as a bearer token, is refused', async () => {
    const { plane, token } = await open()
    expectChallenge(await plane.ask(GET('/records/7', { Authorization: `DPoP ${token}` })), 'invalid_dpop_proof')
    const bearer = { Authorization: `Bearer ${token}`, DPoP: proofOf(plane, token) }
    expectChallenge(await plane.ask(GET('/records/7', bearer)), 'invalid_dpop_proof')
    const twice = request('GET', '/records/7', shown(token, proofOf(plane, token))).replace(
      '\r\n\r\n',
      `\r\nDPoP: ${proofOf(plane, token)}\r\n\r\n`,
    )
    expectChallenge(await plane.ask(twice), 'invalid_dpop_proof')
  })

  test('a route that asks for it takes no other token', async () => {
    const { plane } = await open()
    const plain = plane.token()
    const proof = proofOf(plane, plain, { claims: { htu: 'http://api.example.in/proven' } })
    expectChallenge(await plane.ask(GET('/proven', shown(plain, proof))), 'invalid_token')
    expectChallenge(await plane.ask(GET('/proven', { Authorization: `Bearer ${plain}` })), 'invalid_token')
    const nothing = await plane.ask(GET('/proven', {}))
    expect([nothing.status, field(nothing, 'www-authenticate')]).toEqual([
      401,
      'DPoP realm="portcullis", algs="ES256 EdDSA"',
    ])
  })

  test('a route that leaves it to the upstream passes both on', async () => {
    const { plane, upstream, token } = await open()
    expect((await plane.ask(GET('/left', shown(token, 'whatever')))).status).toBe(200)
    expect(fieldOf(upstream.requests[0], 'dpop')).toBe('whatever')
  })

  const other = makeKey('ES256', 'o')
  const { kid: _kid, use: _use, ...otherJwk } = other.jwk
  test.each<[string, ProofOf]>([
    ['for another method', { claims: { htm: 'POST' } }],
    ['for another path', { claims: { htu: 'http://api.example.in/records/8' } }],
    ['for the path in another spelling', { claims: { htu: 'http://api.example.in/records/%37' } }],
    ['for another host', { claims: { htu: 'http://evil.example/records/7' } }],
    ['for another scheme', { claims: { htu: 'https://api.example.in/records/7' } }],
    ['for another port', { claims: { htu: 'http://api.example.in:81/records/7' } }],
    ['with a user in the htu', { claims: { htu: 'http://a@api.example.in/records/7' } }],
    ['with an htu that is none', { claims: { htu: 7 } }],
    ['for another token', { claims: { ath: createHash('sha256').update('x').digest('base64url') } }],
    ['without ath', { claims: { ath: undefined } }],
    ['without jti', { claims: { jti: undefined } }],
    ['without iat', { claims: { iat: undefined } }],
    ['a second too old', { claims: { iat: 1 } }],
    ['by another key', { by: other, header: { jwk: otherJwk } }],
    ['by another key, naming ours', { by: other }],
    ['with the private key in it', { header: { jwk: { ...publicJwk, d: 'AA' } } }],
    ['without a key', { header: { jwk: undefined } }],
    ['of another typ', { header: { typ: 'JWT' } }],
    ['of alg none', { header: { alg: 'none' } }],
    ['of an algorithm that is not taken', { header: { alg: 'ES384' } }],
    ['with crit', { header: { crit: ['exp'] } }],
  ])('a proof %s is refused, and nothing is forwarded', async (_name, of) => {
    const { plane, upstream, token } = await open()
    expectChallenge(await plane.ask(GET('/records/7', shown(token, proofOf(plane, token, of)))), 'invalid_dpop_proof')
    expect(upstream.requests).toEqual([])
  })

  test.each([
    [-60, 200],
    [-61, 401],
    [30, 200],
    [31, 401],
  ])('a proof of %i seconds from now: %i', async (seconds, status) => {
    const { plane, token } = await open()
    const iat = Math.floor(plane.clock.now() / 1000) + seconds
    const proof = proofOf(plane, token, { claims: { iat } })
    expect((await plane.ask(GET('/records/7', shown(token, proof)))).status).toBe(status)
  })

  test.each(['HTTP://API.example.in:80/records/7', 'http://api.example.in/records/7?x=1#y'])(
    'an htu that is the same by RFC 3986 is taken: %s',
    async (htu) => {
      const { plane, token } = await open()
      const proof = proofOf(plane, token, { claims: { htu } })
      expect((await plane.ask(GET('/records/7', shown(token, proof)))).status).toBe(200)
    },
  )

  test('with origins of its own no Host can choose the htu', async () => {
    const { plane, token } = await open({ origins: ['https://api.public.example'] })
    const captured = proofOf(plane, token, { claims: { htu: 'http://evil.example/records/7' } })
    const fields = { ...shown(token, captured), Host: 'evil.example' }
    expect((await plane.ask(GET('/records/7', fields))).status).toBe(401)
    const proof = proofOf(plane, token, { claims: { htu: 'https://api.public.example/records/7' } })
    expect((await plane.ask(GET('/records/7', shown(token, proof)))).status).toBe(200)
  })

  test('a nonce is asked for, told, taken for its time and renewed with each answer', async () => {
    const { plane, upstream, token } = await open({ nonce: true })
    const first = await plane.ask(GET('/records/7', shown(token, proofOf(plane, token))))
    expectChallenge(first, 'use_dpop_nonce')
    const nonce = field(first, 'dpop-nonce')
    expect(nonce).toBeDefined()
    const ask = (claims: Record<string, unknown>) =>
      plane.ask(GET('/records/7', shown(token, proofOf(plane, token, { claims }))))
    const answer = await ask({ nonce })
    expect([answer.status, field(answer, 'dpop-nonce')]).toEqual([200, nonce])
    expectChallenge(await ask({ nonce: 'invented' }), 'use_dpop_nonce')
    plane.clock.advance(150_000)
    plane.renewLease()
    const later = await ask({ nonce })
    expect(later.status).toBe(200)
    expect(field(later, 'dpop-nonce')).not.toBe(nonce)
    plane.clock.advance(150_000)
    plane.renewLease()
    expectChallenge(await ask({ nonce }), 'use_dpop_nonce')
    expect(upstream.requests).toHaveLength(2)
  })

  test('a store of used proofs that is full refuses with 503, and lets nothing through', async () => {
    const { plane, upstream, token } = await open({ use: () => 'full' })
    const answer = await plane.ask(GET('/records/7', shown(token, proofOf(plane, token))))
    expect([answer.status, problemOf(answer).type]).toEqual([503, 'urn:portcullis:problem:sessions-unavailable'])
    expect(upstream.requests).toEqual([])
  })

  test('a gateway that cannot judge proofs refuses what is bound', async () => {
    const { plane } = await start({ routes: ROUTES })
    const token = plane.token({ confirmation: { jkt } })
    expect((await plane.ask(GET('/records/7', { Authorization: `Bearer ${token}` }))).status).toBe(401)
    const strange = plane.token({ confirmation: {} })
    expect((await plane.ask(GET('/records/7', { Authorization: `Bearer ${strange}` }))).status).toBe(401)
  })
})

describe("the caller's certificate (RFC 8705)", () => {
  const authority = createAuthority(home)
  const [own, one, two] = [authority.issue('own'), authority.issue('one'), authority.issue('two')]
  const print = (pem: string): string => {
    const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
    return createHash('sha256').update(der).digest('base64url')
  }
  const ask = async (plane: DataPlane, head: string, options: tls.ConnectionOptions): Promise<string> => {
    const socket = tls.connect({ port: plane.port, host: '127.0.0.1', ca: authority.cert, ...options })
    await once(socket, 'secureConnect')
    socket.write(head.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString('latin1').slice(9, 12)
  }
  const open = (asks: boolean) =>
    start({ routes: ROUTES, secure: serverTlsOptions(own, 5_000, asks), settings: { scheme: 'https' } })

  test('lets the token through that is bound to it, and no other; nobody else needs one', async () => {
    const { plane } = await open(true)
    const bound = plane.token({ confirmation: { x5t: print(one.cert) } })
    const head = (target: string, token: string) => GET(target, { Authorization: `Bearer ${token}` })
    for (const target of ['/records/7', '/certified']) {
      expect(await ask(plane, head(target, bound), { cert: one.cert, key: one.key })).toBe('200')
      expect(await ask(plane, head(target, bound), { cert: two.cert, key: two.key })).toBe('401')
      expect(await ask(plane, head(target, bound), {})).toBe('401')
    }
    expect(await ask(plane, head('/records/7', plane.token()), {})).toBe('200')
    expect(await ask(plane, head('/certified', plane.token()), { cert: one.cert, key: one.key })).toBe('401')
    expect(await ask(plane, head('/left', bound), {})).toBe('200')
  })

  test('is known again where the connection is resumed', async () => {
    const { plane } = await open(true)
    const bound = plane.token({ confirmation: { x5t: print(one.cert) } })
    const head = GET('/certified', { Authorization: `Bearer ${bound}` })
    const first = tls.connect({ port: plane.port, host: '127.0.0.1', ca: authority.cert, cert: one.cert, key: one.key })
    first.write(head)
    const [session] = (await once(first, 'session')) as [Buffer]
    first.destroy()
    expect(await ask(plane, head, { session, cert: one.cert, key: one.key })).toBe('200')
  })

  test('is nobody, where the listener does not ask for it', async () => {
    const { plane } = await open(false)
    const bound = plane.token({ confirmation: { x5t: print(one.cert) } })
    expect(
      await ask(plane, GET('/certified', { Authorization: `Bearer ${bound}` }), { cert: one.cert, key: one.key }),
    ).toBe('401')
  })
})
