// proxy-behaviours A: what belongs to one connection stays on it, in both directions; the rest arrives as it was sent.
import { expect } from '@jest/globals'
import { checklist } from '../../support/checklist.ts'
import { field, type RawResponse } from '../../support/raw-client.ts'
import { fieldOf, fieldsOf, OK, type UpstreamRequestSeen } from '../../support/raw-upstream.ts'
import { turns, until, useRig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'

const start = useRig()
const { line, counts } = checklist('proxy-behaviours A, connection fields')
const ROUTES = [{ path: '/open', methods: ['GET', 'POST'] }] as const
const GET = request('GET', '/open')

const namesOf = (seen: UpstreamRequestSeen | undefined): readonly string[] => (seen?.fields ?? []).map(([name]) => name)
const valuesOf = (answer: RawResponse, name: string): readonly string[] =>
  answer.fields.filter(([each]) => each === name).map(([, value]) => value)

line(1, 'what is meant for this connection alone does not reach the upstream', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  await plane.ask(
    'GET /open HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nKeep-Alive: timeout=77\r\nProxy-Connection: keep-alive\r\n' +
      'TE: gzip;q=0.5\r\nUpgrade: h2c\r\nProxy-Authorization: Basic eA==\r\n\r\n',
  )
  await plane.ask('POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n4\r\nfour\r\n0\r\n\r\n')
  const [plain, chunked] = upstream.requests
  for (const name of ['keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade', 'proxy-authorization'])
    expect(namesOf(plain)).not.toContain(name)
  expect(['keep-alive', 'close', undefined]).toContain(fieldOf(plain, 'connection'))
  // The body is framed anew: the words are ours, whatever the caller's were.
  expect(fieldsOf(chunked, 'transfer-encoding')).toEqual(['chunked'])
  expect(chunked?.body.toString()).toBe('four')
})

line(2, 'each name in each Connection line is removed in any case, and no other name is', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  await plane.ask(
    'GET /open HTTP/1.1\r\nHost: a\r\nConnection: X-One,x-TWO , ,\tX-Five\r\nX-ONE: 1\r\nx-two: 2\r\nX-Six: 6\r\n' +
      'connection: x-three, keep-alive\r\nX-Three: 3\r\nX-Four: 4\r\nX-Five: 5\r\nX-Onerous: 7\r\n\r\n',
  )
  expect(
    namesOf(upstream.requests[0]).filter((name) => /^x-(one|two|three|four|five|six|onerous)$/.test(name)),
  ).toEqual(['x-six', 'x-four', 'x-onerous'])
})

line(3, 'what the gateway itself adds stays although the caller names it in Connection', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  const names = ['X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'Forwarded', 'X-Request-Id', 'traceparent']
  await plane.ask(request('GET', '/open', { Connection: [...names, 'Host', 'close'].join(', ') }))
  const [seen] = upstream.requests
  for (const name of [...names, 'Host']) expect([name, fieldsOf(seen, name).length]).toEqual([name, 1])
  expect(fieldOf(seen, 'x-forwarded-for')).toBe('127.0.0.1')
  expect(fieldOf(seen, 'x-forwarded-host')).toBe('api.example.in')
})

line(4, 'the response loses the same: connection fields, and what its Connection names', async () => {
  const { plane } = await start(
    { routes: ROUTES },
    () =>
      'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Secret, x-other\r\nX-Secret: 1\r\nX-OTHER: 2\r\nX-Kept: 3\r\n' +
      'Keep-Alive: timeout=77\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok',
  )
  const answer = await plane.ask(GET)
  for (const name of ['x-secret', 'x-other', 'upgrade', 'proxy-connection']) expect(valuesOf(answer, name)).toEqual([])
  expect(valuesOf(answer, 'keep-alive')).not.toContain('timeout=77')
  expect(field(answer, 'connection') ?? '').not.toMatch(/secret|other/i)
  expect([field(answer, 'x-kept'), answer.body.toString()]).toEqual(['3', 'ok'])
})

line(5, 'no TE but trailers could be forwarded, and we forward none', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  for (const value of ['trailers', 'gzip', 'trailers, deflate;q=0.5', 'Trailers', ''])
    await plane.ask(request('GET', '/open', { TE: value, Connection: 'TE' }))
  expect(upstream.requests.length).toBe(5)
  for (const seen of upstream.requests) expect(fieldsOf(seen, 'te')).toEqual([])
})

line(6, 'close or keep-alive on one side says nothing about the other side', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  for (let count = 0; count < 3; count++) {
    const client = await plane.connect()
    client.write(request('GET', '/open', { Connection: 'close' }))
    await client.response()
    expect(await client.ended).toBe('end')
  }
  expect(upstream.connections.length).toBe(1)
  upstream.answer = () => 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'
  const client = await plane.connect()
  for (let count = 0; count < 3; count++) {
    client.write(GET)
    expect((await client.response()).body.toString()).toBe('ok')
  }
  expect(client.isOpen).toBe(true)
})

line(7, 'a caller of HTTP/1.0 without keep-alive gets no chunks and the end of its connection', async () => {
  const { plane, upstream } = await start(
    { routes: ROUTES },
    () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n3\r\nmor\r\n0\r\n\r\n',
  )
  for (const head of ['GET /open HTTP/1.0\r\n\r\n', 'GET /open HTTP/1.0\r\nHost: a\r\n\r\n']) {
    const client = await plane.connect()
    client.write(head)
    const answer = await client.response()
    expect([answer.status, answer.chunked, answer.body.toString(), answer.complete]).toEqual([
      200,
      false,
      'fourmor',
      true,
    ])
    expect(await client.ended).toBe('end')
  }
  expect(upstream.requests.length).toBe(2)
})

line(8, '204 and 304 leave with no Transfer-Encoding and no body', async () => {
  for (const status of [204, 304]) {
    for (const lines of ['', 'ETag: "1"\r\n', 'Transfer-Encoding: chunked\r\n', 'Content-Length: 4\r\n']) {
      const { plane, upstream } = await start({ routes: ROUTES }, () => `HTTP/1.1 ${status} X\r\n${lines}\r\n`)
      const client = await plane.connect()
      client.write(GET)
      const answer = await client.response()
      // A coding or length on what has no body is against RFC 9110, 8.6 and RFC 9112, 6.1: it may be refused.
      const refusable = lines.includes('Transfer') || (status === 204 && lines.includes('Length'))
      expect({ status, lines, answered: answer.status === status || (refusable && answer.status === 502) }).toEqual({
        status,
        lines,
        answered: true,
      })
      expect(answer.status === 502 || field(answer, 'transfer-encoding') === undefined).toBe(true)
      // Nothing stands between this answer and the next.
      upstream.answer = () => OK
      client.write(GET)
      expect((await client.response()).body.toString()).toBe('{"from":"real"}')
    }
  }
})

line(9, 'proxying does not change the request that later checks and the trail see', async () => {
  const { plane, upstream } = await start(
    {
      routes: [
        {
          path: '/record',
          subjects: [{ in: 'header', name: 'X-Record' }],
          session: { level: 'required', bind: [] },
        },
      ],
    },
    () => undefined,
  )
  const client = await plane.connect()
  client.write(
    request('GET', '/record?q=1', {
      'User-Agent': 'Original/1',
      'X-Record': '7',
      Authorization: `Bearer ${plane.token()}`,
      'X-Forwarded-For': '6.6.6.6',
      Connection: 'X-Gone',
      'X-Gone': '1',
    }),
  )
  await upstream.requested(1)
  // What the caller sent is what a lock is matched with after the request has gone on.
  plane.lock({ userAgents: ['original/*'] })
  const answer = await client.response()
  expect(answer.status).toBe(503)
  const [decision, outcome] = plane.trail.requests
  for (const name of ['id', 'client', 'method', 'path', 'route', 'principal', 'session', 'subjects'] as const)
    expect([name, outcome?.[name]]).toEqual([name, decision?.[name]])
  expect(outcome).toMatchObject({ client: '127.0.0.1', path: '/record', subjects: [expect.stringMatching(/^t\./)] })
})

line(10, 'an absent User-Agent stays absent, a present one is passed as it is', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  await plane.ask(GET)
  await plane.ask(request('GET', '/open', { 'User-Agent': 'curl/8 (x;  y)' }))
  await plane.ask(request('GET', '/open', { 'User-Agent': '' }))
  expect(upstream.requests.map((seen) => fieldsOf(seen, 'user-agent'))).toEqual([[], ['curl/8 (x;  y)'], ['']])
})

line(11, 'fields that repeat keep their number and their order, both ways', async () => {
  const { plane, upstream } = await start(
    { routes: ROUTES },
    () =>
      'HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nWWW-Authenticate: Basic realm="a"\r\nX-Multi: 2\r\nSet-Cookie: b=2\r\n' +
      'WWW-Authenticate: Bearer\r\nX-Multi: 1\r\nSet-Cookie: a=1; Path=/\r\nContent-Length: 0\r\n\r\n',
  )
  const answer = await plane.ask(
    'GET /open HTTP/1.1\r\nHost: a\r\nX-Multi-Value: two\r\nCookie: a=1\r\nX-Multi-Value: one\r\nCookie: b=2\r\nX-Multi-Value: two\r\n\r\n',
  )
  const [seen] = upstream.requests
  expect(fieldsOf(seen, 'x-multi-value')).toEqual(['two', 'one', 'two'])
  expect(fieldsOf(seen, 'cookie').join('; ')).toBe('a=1; b=2')
  expect(valuesOf(answer, 'set-cookie')).toEqual(['a=1; Path=/', 'b=2', 'a=1; Path=/'])
  expect(valuesOf(answer, 'www-authenticate')).toEqual(['Basic realm="a"', 'Bearer'])
  expect(valuesOf(answer, 'x-multi')).toEqual(['2', '1'])
})

line(12, 'a response field that is none is 502 or is dropped, and the worker serves on', async () => {
  const bad: readonly (readonly [string, string])[] = [
    ['an empty name', ': x'],
    ['a blank before the colon', 'X-A : x'],
    ['a blank in the name', 'X A: x'],
    ['no colon', 'nonsense'],
    ['a control byte in the name', 'X\x01A: x'],
    ['beyond ASCII in the name', 'X\xe9: x'],
    ['NUL in the value', 'X-A: a\x00b'],
    ['a control byte in the value', 'X-A: a\x08b'],
    ['DEL in the value', 'X-A: a\x7fb'],
    ['a bare CR in the value', 'X-A: a\rX-B: b'],
    ['a bare LF in the value', 'X-A: a\nX-Injected: b'],
    ['a folded value', 'X-A: a\r\n b'],
  ]
  for (const [name, text] of bad) {
    const { plane, upstream } = await start(
      { routes: ROUTES },
      () => `HTTP/1.1 200 OK\r\n${text}\r\nContent-Length: 2\r\n\r\nok`,
    )
    const client = await plane.connect()
    client.write(GET)
    const answer = await client.response()
    const fields = new Set(answer.fields.map(([each]) => each))
    const dropped =
      answer.status === 200 && answer.body.toString() === 'ok' && !fields.has('x-a') && !fields.has('x-injected')
    expect({ name, is: answer.status === 502 || dropped }).toEqual({ name, is: true })
    await until(() => plane.settled.length === 1)
    await turns(5)
    upstream.answer = () => OK
    expect({ name, next: (await plane.ask(GET)).body.toString() }).toEqual({ name, next: '{"from":"real"}' })
  }
})

counts()
