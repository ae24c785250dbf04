// advisory-classes E: what is written of a request, where nobody can forge it, hide from it or find a secret in it.
import { globSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect } from '@jest/globals'
import { checklist } from '../../support/checklist.ts'
import { problemsOf, SAMPLE } from '../../config/sample.ts'
import { startGateway, startRawUpstream, type GatewayProcess, type Upstream } from '../../support/gateway-process.ts'
import { connectRaw } from '../../support/raw-client.ts'
import { turns, until, useRig } from '../../support/rig.ts'
import { request, type DataPlane } from '../../support/start-data-plane.ts'

const start = useRig()
const { line, counts } = checklist('advisory-classes E, trail and metrics')

let upstream: Upstream
let gateway: GatewayProcess
beforeAll(async () => {
  upstream = await startRawUpstream()
  gateway = await startGateway({
    upstreamPort: upstream.port,
    routes: `
  - { id: record, path: "/records/{recordId}", methods: [GET], upstream: registry, session: required }
  - { id: open, path: /open, methods: [GET, POST], upstream: registry, session: none }
`,
  })
})
afterAll(async () => {
  await gateway.cleanUp()
  await upstream.close()
})

/** Sends requests one after the other on one connection, or each on its own, until each has been answered. */
async function send(requests: readonly string[], apart = false): Promise<void> {
  if (apart) {
    for (const each of requests) {
      const client = await connectRaw(gateway.port)
      client.write(each)
      await client.response()
      client.close()
    }
    return
  }
  const client = await connectRaw(gateway.port)
  client.write(requests.join(''))
  for (let count = 0; count < requests.length; count++) await client.response()
  client.close()
}

/** Lets what has been written arrive, and then more time pass than anybody may take. */
async function passTime(plane: DataPlane): Promise<void> {
  await turns()
  plane.clock.advance(1_000)
}

async function metrics(): Promise<readonly string[]> {
  const text = await (await fetch(`http://127.0.0.1:${gateway.controlPort}/metrics`)).text()
  return text.split('\n').filter((each) => each !== '')
}
/** What the runtime tells of itself comes and goes, and is a closed set: it is left out. */
const seriesOf = (lines: readonly string[]): readonly string[] =>
  lines.filter((each) => !/^(#|portcullis_nodejs_)/.test(each)).map((each) => each.replace(/ \S+$/, ''))

line('E01', 'a thousand paths, methods and hosts add no series (sigstore/timestamp-authority #1374)', async () => {
  await send([request('GET', '/open'), request('GET', '/nowhere'), request('PURGE', '/open')], true)
  await send(
    ['X /open HTTP/1.1\r\nHost: a\r\n\r\n', 'X /nowhere HTTP/1.1\r\nHost: a\r\n\r\n', 'nonsense\r\n\r\n'],
    true,
  )
  const before = seriesOf(await metrics())
  for (let block = 0; block < 10; block++)
    await send(
      Array.from({ length: 100 }, (_each, index) =>
        request('GET', `/p${block}-${index}?q=${index}`, { Host: `h${block}-${index}`, 'User-Agent': `a${index}` }),
      ),
    )
  await send(
    Array.from({ length: 50 }, (_each, index) => `M${index} /m${index} HTTP/1.1\r\nHost: a\r\n\r\n`),
    true,
  )
  const after = seriesOf(await metrics())
  expect(after.filter((each) => !before.includes(each))).toEqual([])
  expect(after.join('\n')).not.toMatch(/p0-|h0-|="M\d/)
})

line('E02', 'no byte of a caller forges a line of log or record (owasp-security-logging #59)', async () => {
  const evil = ['\x85', '\xe2\x80\xa8', '\xe2\x80\xa9', '\xff\xfe', '"}\\', '{"level":"info"}', '%0d%0a', '\xc2\x85']
  const requests = evil.flatMap((bytes) => [
    request('GET', '/open', { 'User-Agent': `forged${bytes}`, 'X-A': bytes }),
    request('GET', `/nowhere/${encodeURIComponent(Buffer.from(bytes, 'latin1').toString('utf8'))}`),
    request('GET', '/records/7', { Authorization: `Bearer forged${bytes}` }),
  ])
  const refused = ['\r', '\n', '\0', '\x1b[31m', '\x7f'].map((bytes) =>
    request('GET', '/open', { 'X-A': `forged${bytes}` }),
  )
  await send([...requests, ...refused], true)
  await send([request('GET', '/open', { 'User-Agent': 'forged'.repeat(200_000) })], true)
  // Each line of the log is one object, or our own words; nothing of a caller's is in either.
  for (const each of gateway.log().split('\n')) {
    expect(each).not.toMatch(/forged|[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]/)
    if (each.startsWith('{')) JSON.parse(each)
  }
  const { plane } = await start({
    routes: [{ path: '/people/{id}', subjects: [{ in: 'param', name: 'id' }] }, { path: '/open' }],
  })
  for (const target of [
    '/people/%0A%E2%80%A8',
    '/people/%E2%80%A8%22%5C',
    '/people/%C2%85',
    '/nowhere/%E2%80%A9',
    '/people/a%1B%5B31m',
  ])
    await plane.ask(request('GET', target, { 'User-Agent': '\xff\xe2\x80\xa8' }))
  for (const record of plane.trail.requests) {
    const text = JSON.stringify(record)
    expect(text).toMatch(/^[ -~]+$/)
    expect(JSON.parse(text)).toEqual(record)
  }
})

line('E04', 'what is refused, in the parser or in a check, has its record as well (clientError)', async () => {
  const locked = { path: '/locked', methods: ['GET'] } as const
  for (const [bytes, status] of [
    ['nonsense\r\n\r\n', 400],
    ['GET /open HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n', 400],
    [`GET /open HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    [`GET /open HTTP/1.1\r\nHost: a\r\n${'X-A: a\r\n'.repeat(101)}\r\n`, 431],
    ['GET /open HTTP/1.1\r\nHost: a\r\nX-Slow', 408],
    ['CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 400],
    ['GET /open/../x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['GET /open HTTP/2.0\r\nHost: a\r\n\r\n', 400],
    ['GET /open HTTP/1.1\r\n\r\n', 400],
    ['POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400],
    ['POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n', 413],
    ['POST /open HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx', 417],
    ['GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n', 404],
    ['PUT /open HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['GET /locked HTTP/1.1\r\nHost: a\r\n\r\n', 503],
  ] as const) {
    const { plane } = await start({
      routes: [{ path: '/open', methods: ['GET', 'POST'], audit: 'best-effort' }, locked],
      limits: { headersTimeoutMs: 100, requestTimeoutMs: 200 },
    })
    plane.lock({ routes: ['locked'] })
    const client = await plane.connect()
    client.write(bytes)
    if (status === 408) await passTime(plane)
    const answer = await client.response().catch(() => undefined)
    await until(() => plane.trail.requests.some(({ phase }) => phase === 'outcome'))
    const outcomes = plane.trail.requests.filter(({ phase }) => phase === 'outcome')
    expect({ bytes: bytes.slice(0, 60), status: answer?.status ?? 408, outcomes }).toEqual({
      bytes: bytes.slice(0, 60),
      status,
      outcomes: [
        expect.objectContaining({ status, client: '127.0.0.1', decision: status === 503 ? 'locked' : 'rejected' }),
      ],
    })
  }
})

line('E05', 'the record says what was judged, and that is what was sent on (CVE-2026-88009)', async () => {
  const { plane, upstream } = await start({
    routes: [{ path: '/open' }, { id: 'people', path: '/people/{id}', subjects: [{ in: 'param', name: 'id' }] }],
    trustedProxies: ['127.0.0.0/8'],
  })
  for (const target of ['/open?q=1', 'http://api.example.in/open', '/people/%e0%a4%a8', '/people/A%20b'])
    await plane.ask(request('GET', target, { 'X-Forwarded-For': '6.6.6.6, 203.0.113.9' }))
  await until(() => plane.settled.length === 4)
  const paths = ['/open', '/open', '/people/%E0%A4%A8', '/people/A%20b']
  expect(upstream.requests.map(({ target }) => target.split('?')[0])).toEqual(paths)
  const outcomes = plane.trail.requests
  expect(outcomes.length).toBe(4)
  for (const [index, outcome] of outcomes.entries()) {
    expect(outcome).toMatchObject({
      phase: 'outcome',
      decision: 'allow',
      route: index < 2 ? 'open' : 'people',
      client: '203.0.113.9',
      method: 'GET',
    })
    // A name in the path is a pseudonym, the rest stands as it was sent.
    const name = plane.gateway.pseudonyms.of('subject', decodeURIComponent(paths[index]?.split('/')[2] ?? ''))
    expect(outcome.path).toBe(paths[index]?.startsWith('/people/') ? `/people/${name}` : '/open')
  }
  expect(upstream.requests.map((seen) => seen.fields.find(([name]) => name === 'x-request-id')?.[1])).toEqual(
    outcomes.map(({ id }) => id),
  )
})

line('E07', 'no label breaks out of the metrics, whatever a caller or a config names', async () => {
  await send(
    [
      request('GET', '/a"}b{c="d', { Host: 'a"\\' }),
      'G"ET /open HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET /open HTTP/1.1\r\nHost: a"} 1\r\n\r\n',
      request('GET', '/open', { 'User-Agent': '"} 1\\n' }),
      "G'{} /open HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    true,
  )
  const sample = /^[a-z_:][a-z0-9_:]*(\{([a-z_][a-z0-9_]*="([^"\\\n]|\\["\\n])*",?)*\})? (NaN|[+-]Inf|-?[0-9.e+-]+)$/i
  for (const each of (await metrics()).filter((text) => !text.startsWith('#'))) expect(each).toMatch(sample)
  for (const id of ['a"b', 'a\\nb', 'a b', 'a{b}', 'a\\\\b'])
    expect([id, problemsOf(SAMPLE.replace('id: facilities', `id: "${id.replaceAll('"', '\\"')}"`)).length > 0]).toEqual(
      [id, true],
    )
})

line('E03', 'no token, cookie, code or query is written anywhere (bagofwords #1063)', async () => {
  const token = gateway.issuer.token({ sub: 'secret-subject', sid: 'secret-session' })
  const fields = {
    Cookie: 'sid=secret-cookie',
    'X-Api-Key': 'secret-key',
    'User-Agent': 'secret-agent',
    'X-OTP': '445566',
  }
  await send(
    [
      request('GET', '/records/secret-record?token=secret-token&otp=445566', {
        ...fields,
        Authorization: `Bearer ${token}`,
      }),
      request('GET', '/open?access_token=secret-token', fields),
      request('GET', '/nowhere/secret-path?secret-query', { ...fields, Authorization: 'Basic c2VjcmV0LWJhc2lj' }),
      request('POST', '/open', { ...fields, 'Content-Length': '23' }, 'otp=445566&secret-body='),
      'GET /open?secret-malformed HTTP/1.1\r\nHost: secret-host\r\nsecret line\r\n\r\n',
    ],
    true,
  )
  await send(
    [request('GET', '/records/../secret-dots'), `GET /open HTTP/1.1\r\nHost: a\r\nSecret-Name\x01: secret\r\n\r\n`],
    true,
  )
  const lines = await metrics()
  // Nothing is moved any more while it is read; this line is the last one to need the gateway.
  expect(await gateway.stop()).toBe(0)
  const written = globSync('data/**', { cwd: gateway.home })
    .map((file) => path.join(gateway.home, file))
    .filter((file) => statSync(file).isFile())
    .map((file) => [path.basename(file), readFileSync(file, 'latin1')] as const)
  for (const [where, text] of [...written, ['log', gateway.log()] as const, ['metrics', lines.join('\n')] as const])
    for (const secret of [/secret/i, /445566/, new RegExp(token.split('.')[1] ?? ''), /c2VjcmV0/])
      expect({ where, secret, found: secret.test(text) }).toEqual({ where, secret, found: false })
})

counts()
