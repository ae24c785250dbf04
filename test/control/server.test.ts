import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { AUTHORIZED, createServerRig, READ_TOKEN } from '../support/control-server.ts'

describe('probes and metrics need no credential', () => {
  test('healthz, readyz and metrics', async () => {
    const { app } = await createServerRig()
    expect((await request(app).get('/healthz')).body).toEqual({ status: 'alive' })
    expect((await request(app).get('/readyz')).body).toMatchObject({ ready: true })
    const metrics = await request(app).get('/metrics')
    expect([metrics.headers['content-type'], metrics.text]).toEqual([
      'text/plain; version=0.0.4',
      'portcullis_frozen 0\n',
    ])
  })

  test('what is not ready is 503 and says which check; a lock never is the reason', async () => {
    const { app, rig } = await createServerRig()
    await rig.lockAll()
    expect((await request(app).get('/readyz')).status).toBe(200)
    const other = await createServerRig({ readiness: () => ({ ready: false, checks: { audit: 'ENOSPC' } }) })
    const answer = await request(other.app).get('/readyz')
    expect([answer.status, answer.body]).toEqual([503, { ready: false, checks: { audit: 'ENOSPC' } }])
  })
})

const READ = [
  '/api/v1/status',
  '/api/v1/locks',
  '/api/v1/locks/x',
  '/api/v1/certificates/1',
  '/api/v1/audit/checkpoint',
  '/api/v1/audit/tile/0/000',
  '/api/v1/events',
]

describe('reading', () => {
  test.each(READ)('%s takes a credential', async (path) => {
    const { app } = await createServerRig()
    const none = await request(app).get(path)
    expect([none.status, none.headers['www-authenticate']]).toEqual([401, 'Bearer realm="portcullis"'])
    for (const authorization of [
      'Bearer wrong',
      `Basic ${READ_TOKEN}`,
      READ_TOKEN,
      `Bearer ${READ_TOKEN} `.repeat(2),
      'Bearer ',
    ]) {
      const answer = await request(app).get(path).set({ authorization })
      expect([authorization, answer.status]).toEqual([authorization, 401])
      expect(answer.headers['www-authenticate']).toMatch(/error="invalid_token"/)
    }
  })

  test('takes a login where no read token is configured', async () => {
    const { app, settings } = await createServerRig()
    delete settings.readTokenSha256
    expect((await request(app).get('/api/v1/status').set(AUTHORIZED)).status).toBe(401)
  })

  test('the scheme of the credential is named in any case', async () => {
    const { app } = await createServerRig()
    expect(
      (
        await request(app)
          .get('/api/v1/locks')
          .set({ authorization: `bearer ${READ_TOKEN}` })
      ).status,
    ).toBe(200)
  })
})

describe('a request that is none', () => {
  test.each(['/api/v1', '/api/v1/nowhere', '/API/V1/STATUS', '/api/v1/status/', '/healthz/', '/index.html'])(
    '%s is 404',
    async (path) => {
      const { app } = await createServerRig()
      const answer = await request(app).get(path).set(AUTHORIZED)
      expect([answer.status, answer.body.type]).toEqual([404, 'urn:portcullis:problem:not-found'])
    },
  )

  test.each([
    ['get', '/api/v1/orders', 'POST'],
    ['post', '/api/v1/status', 'GET, HEAD'],
    ['delete', '/api/v1/locks/x', 'GET, HEAD'],
    ['put', '/healthz', 'GET, HEAD'],
    ['options', '/api/v1/orders', 'POST'],
    ['patch', '/api/v1/pseudonyms', 'POST'],
  ] as const)('%s %s is 405 with Allow', async (method, path, allow) => {
    const { app } = await createServerRig()
    const answer = await request(app)[method](path)
    expect([answer.status, answer.headers.allow, answer.body.status]).toEqual([405, allow, 405])
  })

  test.each([
    ['text/plain', '{"order":"x"}', 415],
    ['application/x-www-form-urlencoded', 'order=x', 415],
    ['application/jsonx', '{}', 415],
    ['application/json; charset=utf-16', '{}', 415],
    ['', '{}', 415],
    ['application/json', '{', 400],
    ['application/json', '"x"', 400],
    ['application/json', 'null', 400],
    ['application/json', '[]', 400],
    ['application/json', '', 400],
    ['application/json', '{"__proto__":{"order":"x"}}', 400],
    ['application/json; charset=UTF-8', '{"order":"x"}', 400],
  ])('a body of %s %s is %i', async (type, body, status) => {
    const { app } = await createServerRig()
    const answer = await request(app).post('/api/v1/orders').set('content-type', type).send(body)
    expect([answer.status, answer.headers['content-type']]).toEqual([status, 'application/problem+json'])
    expect(answer.text).not.toMatch(/node_modules|at .*[.]ts|SyntaxError|Unexpected/)
  })

  test('a body that is compressed is 415, and one that is too large 413', async () => {
    const { app } = await createServerRig()
    const gzip = await request(app)
      .post('/api/v1/orders')
      .set({ 'content-type': 'application/json', 'content-encoding': 'gzip' })
      .send('{}')
    expect(gzip.status).toBe(415)
    const large = await request(app)
      .post('/api/v1/orders')
      .send({ order: 'x'.repeat(131_072) })
    expect([large.status, large.body.type]).toEqual([413, 'urn:portcullis:problem:content-too-large'])
  })

  test('a path with a bad percent sign is 400', async () => {
    const { app } = await createServerRig()
    expect((await request(app).get('/api/v1/locks/%E0%A4%A').set(AUTHORIZED)).status).toBe(400)
  })
})

test('a failure inside is 500 without a word of why; the log has it, under the same instance', async () => {
  const { app, rig } = await createServerRig({
    metrics: () => Promise.reject(new Error('secret words of a library')),
  })
  const heard: unknown[] = []
  rig.logger.error = (_, fields) => void heard.push(fields)
  const answer = await request(app).get('/metrics')
  expect(answer.status).toBe(500)
  expect(answer.text).not.toMatch(/secret/)
  expect(heard).toEqual([{ instance: answer.body.instance, error: 'secret words of a library' }])
})

test('every answer bears its id and the headers that keep browsers out, and none that names the server', async () => {
  const { app } = await createServerRig()
  for (const path of ['/healthz', '/nowhere', '/api/v1/status', '/docs']) {
    const { headers } = await request(app).get(path)
    expect(headers).toMatchObject({
      'x-request-id': expect.stringMatching(/^request-/),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'content-security-policy': expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'$/),
    })
    expect(headers).not.toHaveProperty('x-powered-by')
    expect(headers).not.toHaveProperty('etag')
  }
})

describe('against DNS rebinding', () => {
  const ask = async (headers: Record<string, string>, names: readonly string[] = []) => {
    const { app, settings } = await createServerRig()
    settings.names = names
    return (await request(app).get('/openapi.json').set(headers)).status
  }

  test.each([
    'evil.example',
    'evil.example:9080',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '203.0.113.9',
    '[2001:db8::1]:9080',
    'user@127.0.0.1',
    '127.0.0.1/x',
    '0x7f.1',
    '',
  ])('a request to "%s" is 421', async (host) => {
    expect(await ask({ host })).toBe(421)
  })

  test.each([
    'localhost',
    'localhost:9080',
    'LOCALHOST:9080',
    '127.0.0.1',
    '127.0.0.1:9080',
    '127.0.0.2:1',
    '[::1]:9080',
  ])('a request to %s passes', async (host) => {
    expect(await ask({ host })).toBe(200)
  })

  test('a configured name passes, with its port where it has one', async () => {
    const names = ['gateway.example', 'console.example:9443']
    expect(await ask({ host: 'gateway.example:1234' }, names)).toBe(200)
    expect(await ask({ host: 'Console.example:9443' }, names)).toBe(200)
    expect(await ask({ host: 'console.example' }, names)).toBe(421)
  })

  test.each([
    'http://evil.example',
    'http://localhost:3000',
    'http://127.0.0.1:9080',
    'null',
    'file://',
    'http://localhost:9080/',
    'https://localhost:9080.evil.example',
    'ftp://localhost:9080',
  ])('a page of %s is 403', async (origin) => {
    expect(await ask({ host: 'localhost:9080', origin })).toBe(403)
  })

  test.each(['http://localhost:9080', 'https://localhost:9080'])('its own page %s passes', async (origin) => {
    expect(await ask({ host: 'localhost:9080', origin })).toBe(200)
  })

  test('an order is refused in the same way, before it is looked at', async () => {
    const { app, rig } = await createServerRig()
    const answer = await request(app).post('/api/v1/orders').set('host', 'evil.example').send({ order: 'x' })
    expect([answer.status, answer.body.type]).toEqual([421, 'urn:portcullis:problem:misdirected-request'])
    expect(rig.trail.records).toEqual([])
  })

  test('probes are asked by any name', async () => {
    const { app } = await createServerRig()
    expect((await request(app).get('/healthz').set('host', 'pod.cluster.local')).status).toBe(200)
    expect((await request(app).get('/readyz').set('host', 'pod.cluster.local')).status).toBe(200)
  })
})
