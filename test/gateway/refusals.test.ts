// Every row of the table of answers that a caller can get, and what no answer ever tells.
import { describe, expect, test } from '@jest/globals'
import { field, problemOf, type RawResponse } from '../support/raw-client.ts'
import { until, useRig } from '../support/rig.ts'
import { request, type DataPlane } from '../support/start-data-plane.ts'

const start = useRig()
const RECORD = {
  id: 'record.read',
  path: '/records/{recordId}',
  tags: ['pii'],
  session: {
    level: 'required',
    maxAgeMs: 900_000,
    bind: [{ source: { in: 'param', name: 'recordId' }, claim: 'record_ids' }],
  },
} as const
const OPEN = { id: 'open', path: '/open', methods: ['GET', 'POST'] } as const
const ROUTES = [RECORD, OPEN, { path: '/catalogue/{rest*}' }] as const

/** What every refusal has. */
function expectProblem(answer: RawResponse, status: number, type: string): void {
  expect(answer.status).toBe(status)
  expect(field(answer, 'content-type')).toBe('application/problem+json')
  expect(field(answer, 'cache-control')).toBe('no-store')
  expect(field(answer, 'x-content-type-options')).toBe('nosniff')
  const problem = problemOf(answer)
  expect(problem).toMatchObject({
    type: `urn:portcullis:problem:${type}`,
    status,
    title: expect.any(String),
    detail: expect.any(String),
    instance: field(answer, 'x-request-id'),
  })
  expect(problem.detail).not.toBe('')
}

const as = (plane: DataPlane, facts: Parameters<DataPlane['token']>[0] = {}): Record<string, string> => ({
  Authorization: `Bearer ${plane.token({ claims: { record_ids: ['7'] }, ...facts })}`,
})

describe('a path', () => {
  test('that no route matches: 404', async () => {
    const { plane } = await start({ routes: ROUTES })
    expectProblem(await plane.ask(request('GET', '/nowhere')), 404, 'not-found')
  })

  test('with a method that no route allows: 405 with Allow, HEAD with GET', async () => {
    const { plane } = await start({ routes: ROUTES })
    const answer = await plane.ask(request('DELETE', '/open'))
    expectProblem(answer, 405, 'method-not-allowed')
    expect(field(answer, 'allow')?.split(', ').sort()).toEqual(['GET', 'HEAD', 'POST'])
  })

  test.each([
    '/open/../records/7',
    '/%2e%2e/records/7',
    '//records/7',
    '/records%2F7',
    '/records\\7',
    '/records/7#/open',
    '/records/%zz',
    '/records/%00',
  ])('%s, which is ambiguous: 400 and never forwarded', async (target) => {
    const { plane, upstream } = await start({ routes: ROUTES })
    expectProblem(await plane.ask(request('GET', target)), 400, 'malformed-target')
    expect(upstream.connections.length).toBe(0)
  })

  test.each(['/RECORDS/7', '/records;v=1/7', '/Open', '/open.', '/catalogue/../open', '/open/'])(
    '%s, a near miss: 404 or 400, like a path that does not exist, and never forwarded',
    async (target) => {
      const { plane, upstream } = await start({ routes: [...ROUTES, { path: '/{rest*}' }] })
      const answer = await plane.ask(request('GET', target))
      expect([400, 404]).toContain(answer.status)
      if (answer.status === 404) expectProblem(answer, 404, 'not-found')
      expect(upstream.connections.length).toBe(0)
    },
  )
})

describe('a session', () => {
  test('that is missing: 401 with a bare challenge (RFC 6750, 3.1: no error code)', async () => {
    const { plane } = await start({ routes: ROUTES })
    const answer = await plane.ask(request('GET', '/records/7'))
    expectProblem(answer, 401, 'no-session')
    expect(field(answer, 'www-authenticate')).toBe('Bearer realm="portcullis"')
  })

  test.each(['Basic dXNlcjpwYXNz', 'Token abc', 'foo token-1', 'DPoP2 token-1'])(
    'under another scheme (%s) is none (hono CVE-2026-47673)',
    async (authorization) => {
      const { plane } = await start({ routes: ROUTES })
      plane.token({ claims: { record_ids: ['7'] } })
      const answer = await plane.ask(request('GET', '/records/7', { Authorization: authorization }))
      expectProblem(answer, 401, 'no-session')
    },
  )

  test('that is bound to no key, shown as one that is (RFC 9449): 401 invalid_token', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const token = plane.token({ claims: { record_ids: ['7'] } })
    const answer = await plane.ask(request('GET', '/records/7', { Authorization: `DPoP ${token}` }))
    expectProblem(answer, 401, 'invalid-token')
    expect(upstream.requests).toEqual([])
  })

  test.each([
    ['unknown', {}],
    ['expired', { expiresAt: 0 }],
  ])('that is %s: 401 invalid_token', async (name, facts) => {
    const { plane } = await start({ routes: ROUTES })
    const fields = name === 'unknown' ? { Authorization: 'Bearer nobody' } : as(plane, facts)
    const answer = await plane.ask(request('GET', '/records/7', fields))
    expectProblem(answer, 401, 'invalid-token')
    expect(field(answer, 'www-authenticate')).toMatch(
      /^Bearer realm="portcullis", error="invalid_token", error_description="[^"]+"$/,
    )
  })

  test('that is revoked: 401 invalid_token', async () => {
    const { plane } = await start({ routes: ROUTES })
    const fields = as(plane)
    plane.revoke({})
    const answer = await plane.ask(request('GET', '/records/7', fields))
    expectProblem(answer, 401, 'invalid-token')
    expect(field(answer, 'www-authenticate')).toContain('error="invalid_token"')
  })

  test.each([
    ['not by OTP', { byOtp: false }],
    ['by an OTP that is too old', { authTime: 1 }],
    ['by an OTP of unknown age', { authTime: undefined }],
  ])('that was opened %s: 401 with the step-up challenge and max_age (RFC 9470, 3)', async (_name, facts) => {
    const { plane } = await start({ routes: ROUTES })
    const answer = await plane.ask(request('GET', '/records/7', as(plane, facts as Parameters<DataPlane['token']>[0])))
    expectProblem(answer, 401, 'insufficient-authentication')
    expect(field(answer, 'www-authenticate')).toMatch(
      /^Bearer realm="portcullis", error="insufficient_user_authentication", error_description="[^"]+", max_age="900"$/,
    )
  })

  test('that does not own the record: 403 insufficient_scope', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const answer = await plane.ask(request('GET', '/records/8', as(plane)))
    expectProblem(answer, 403, 'not-owner')
    expect(field(answer, 'www-authenticate')).toContain('error="insufficient_scope"')
    expect(upstream.connections.length).toBe(0)
  })

  test('whose key cannot be had: 503 with Retry-After', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.verifier.answer = () => ({ refused: 'unavailable', detail: 'no key' })
    const answer = await plane.ask(request('GET', '/records/7', { Authorization: 'Bearer a' }))
    expectProblem(answer, 503, 'sessions-unavailable')
    expect(field(answer, 'retry-after')).toBe('8')
  })

  test.each([
    ['two Authorization fields', 'Authorization: Bearer a\r\nAuthorization: Bearer b'],
    ['a malformed bearer token', 'Authorization: Bearer a b'],
    ['a bearer scheme with no token', 'Authorization: Bearer'],
  ])('in %s: 400', async (_name, lines) => {
    const { plane } = await start({ routes: ROUTES })
    const answer = await plane.ask(`GET /records/7 HTTP/1.1\r\nHost: a\r\n${lines}\r\n\r\n`)
    expectProblem(answer, 400, 'malformed-request')
  })
})

describe('a lock', () => {
  test('503 with Retry-After, its id and epoch, never its reason, incident or scope', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const lock = plane.lock({ tags: ['pii'] })
    const client = await plane.connect()
    client.write(request('GET', '/records/7', as(plane)))
    const answer = await client.response()
    expectProblem(answer, 503, 'locked')
    expect(problemOf(answer).lock).toEqual({ id: lock.id, epoch: plane.epoch })
    // 30 s, jittered by the fraction 0.5 of the stand-in.
    expect(field(answer, 'retry-after')).toBe('45')
    expect(client.received.toString()).not.toMatch(/leak suspected|INC-7|pii|record\.read/)
    expect(upstream.connections.length).toBe(0)
  })

  test.each([
    [0, '30'],
    [0.999_999, '60'],
  ])('spreads Retry-After: a fraction of %d asks for %s s', async (fraction, seconds) => {
    const { plane } = await start({
      routes: ROUTES,
      gateway: ({ randomness }) => ({ randomness: { ...randomness, fraction: () => fraction } }),
    })
    plane.lock({ all: true })
    expect(field(await plane.ask(request('GET', '/open')), 'retry-after')).toBe(seconds)
  })

  test.each([423, 451, 403])('with a status of its own: %i', async (status) => {
    const { plane } = await start({ routes: ROUTES })
    plane.lock({ all: true }, 'deny', { status })
    expectProblem(await plane.ask(request('GET', '/open')), status, 'locked')
  })

  test('is judged before the session, and tells nothing of it', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.lock({ all: true })
    const answer = await plane.ask(request('GET', '/records/7'))
    expectProblem(answer, 503, 'locked')
    expect(field(answer, 'www-authenticate')).toBeUndefined()
  })

  test.each([
    [undefined, 'en', /paused/],
    ['hi', 'hi', /सुरक्षा/],
    ['hi-IN,en;q=0.5', 'hi', /सुरक्षा/],
    ['en;q=0.5, hi;q=0.9', 'hi', /सुरक्षा/],
    ['ta, en;q=0.1', 'en', /paused/],
    ['hi;q=0', 'en', /paused/],
    [',;q=,,x'.repeat(200), 'en', /paused/],
  ])('speaks the caller’s language: Accept-Language %s', async (accepted, language, text) => {
    const { plane } = await start({ routes: ROUTES })
    plane.lock({ all: true })
    const answer = await plane.ask(
      request('GET', '/open', accepted === undefined ? {} : { 'Accept-Language': accepted }),
    )
    expect(field(answer, 'content-language')).toBe(language)
    expect(field(answer, 'vary')).toBe('Accept-Language')
    expect(problemOf(answer).detail).toMatch(text)
  })

  test('speaks its own words where it has some', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.lock({ all: true }, 'deny', { message: { en: 'Back at nine', hi: 'नौ बजे' } })
    expect(problemOf(await plane.ask(request('GET', '/open'))).detail).toBe('Back at nine')
    expect(problemOf(await plane.ask(request('GET', '/open', { 'Accept-Language': 'hi' }))).detail).toBe('नौ बजे')
  })

  test('of mode read-only lets safe methods pass alone', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.lock({ all: true }, 'read-only')
    expect((await plane.ask(request('GET', '/open'))).status).toBe(200)
    expectProblem(await plane.ask(request('POST', '/open')), 503, 'locked')
  })

  test('of mode step-up asks for an OTP newer than itself; a route without sessions refuses', async () => {
    const { plane } = await start({ routes: ROUTES })
    const before = as(plane)
    plane.clock.advance(10_000)
    plane.lock({ all: true }, 'step-up')
    plane.clock.advance(5_000)
    const answer = await plane.ask(request('GET', '/records/7', before))
    expectProblem(answer, 401, 'insufficient-authentication')
    expect(field(answer, 'www-authenticate')).toContain('max_age="5"')
    expect((await plane.ask(request('GET', '/records/7', as(plane)))).status).toBe(200)
    expectProblem(await plane.ask(request('GET', '/open')), 503, 'locked')
  })

  test('answers HEAD with the same fields and no body', async () => {
    const { plane } = await start({ routes: ROUTES })
    plane.lock({ all: true })
    const client = await plane.connect()
    client.write(request('HEAD', '/open') + request('GET', '/open'))
    const head = await client.response({ head: true })
    const get = await client.response()
    expect(head.status).toBe(503)
    expect(field(head, 'content-length')).toBe(field(get, 'content-length'))
  })
})

describe('a throttle', () => {
  const LIMITED = { ...RECORD, throttle: { requests: { count: 2, periodMs: 60_000 } } } as const

  test('429 with Retry-After; a verified session is told its numbers, in answers that pass too', async () => {
    const { plane } = await start({ routes: [LIMITED] })
    const ask = request('GET', '/records/7', as(plane))
    const first = await plane.ask(ask)
    expect(first.status).toBe(200)
    expect(field(first, 'ratelimit-policy')).toBe('"requests";q=2;w=60')
    expect(field(first, 'ratelimit')).toBe('"requests";r=1;t=30')
    await plane.ask(ask)
    const answer = await plane.ask(ask)
    expectProblem(answer, 429, 'throttled')
    expect(field(answer, 'retry-after')).toBe('45')
    expect(field(answer, 'ratelimit')).toBe('"requests";r=0;t=60')
  })

  test('no numbers to callers without a session', async () => {
    const { plane } = await start({ routes: [{ ...OPEN, throttle: LIMITED.throttle }] })
    const answers = []
    for (let count = 0; count < 3; count++) answers.push(await plane.ask(request('GET', '/open')))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429])
    for (const answer of answers) {
      expect(answer.fields.filter(([name]) => name.startsWith('ratelimit'))).toEqual([])
    }
    expect(field(answers[2] as RawResponse, 'retry-after')).toBeDefined()
  })

  test('by a lock: its own limit', async () => {
    const { plane } = await start({ routes: [OPEN] })
    plane.lock({ all: true }, 'throttle', { limit: { count: 1, periodMs: 60_000 } })
    expect((await plane.ask(request('GET', '/open'))).status).toBe(200)
    expect((await plane.ask(request('GET', '/open'))).status).toBe(429)
  })

  test('every spelling of a path counts into one bucket', async () => {
    const { plane } = await start({ routes: [{ ...OPEN, throttle: LIMITED.throttle }] })
    const statuses = []
    for (const target of ['/open', '/open?x=1', '/open?', '//open', '/open/', '/OPEN', '/%6fpen']) {
      statuses.push((await plane.ask(request('GET', target))).status)
    }
    expect(statuses.slice(0, 3)).toEqual([200, 200, 429])
    expect(statuses.slice(3).every((status) => status >= 400)).toBe(true)
  })
})

describe('the message', () => {
  test('with too many fields: 431', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const fields = Object.fromEntries(Array.from({ length: 101 }, (_each, index) => [`X-${index}`, 'a']))
    expectProblem(await plane.ask(request('GET', '/open', fields)), 431, 'headers-too-large')
    expect(upstream.connections.length).toBe(0)
  })

  test('with fields that are too large: 431, recorded and counted', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write(request('GET', '/open', { 'X-Big': 'a'.repeat(20_000) }))
    const answer = await client.response()
    expect(answer.status).toBe(431)
    expect(await client.ended).toBe('end')
    expect(plane.trail.requests).toMatchObject([
      { decision: 'rejected', reason: 'headers-too-large', status: 431, method: 'OTHER' },
    ])
    expect(plane.settled).toMatchObject([{ route: 'none', method: 'OTHER', status: 431, decision: 'rejected' }])
    expect(upstream.connections.length).toBe(0)
  })

  test('with an expectation that nobody can meet: 417', async () => {
    const { plane, upstream } = await start({ routes: ROUTES })
    expectProblem(
      await plane.ask(request('POST', '/open', { Expect: 'tea', 'Content-Length': '2' }, '{}')),
      417,
      'expectation',
    )
    expect(upstream.connections.length).toBe(0)
  })
})

test('what is refused is recorded and counted under labels of the closed set', async () => {
  const { plane } = await start({ routes: ROUTES })
  await plane.ask(request('GET', '/nowhere/1234567890'))
  await plane.ask(request('PROPFIND', '/open'))
  await plane.ask(request('GET', '/records/7'))
  await until(() => plane.settled.length === 3)
  expect(plane.settled).toMatchObject([
    { route: 'none', method: 'GET', status: 404, decision: 'rejected' },
    { route: 'none', method: 'OTHER', status: 405, decision: 'rejected' },
    { route: 'record.read', method: 'GET', status: 401, decision: 'unauthenticated' },
  ])
  const records = plane.trail.requests
  expect(records.map(({ path }) => path)).toEqual([
    expect.stringMatching(/^19:t\./),
    expect.stringMatching(/^5:t\./),
    expect.stringMatching(/^\/records\/t\./),
  ])
  expect(JSON.stringify(records)).not.toContain('1234567890')
})
