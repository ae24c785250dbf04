// Nothing of an answer leaves before it is known that the session owns it; what cannot be judged takes the route's posture.
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { ResponsePolicy } from '../../src/core/policy.ts'
import { field, problemOf } from '../support/raw-client.ts'
import { fieldOf, startRawUpstream, type Answer, type RawUpstream } from '../support/raw-upstream.ts'
import { request, startDataPlane, type DataPlane } from '../support/start-data-plane.ts'

let plane: DataPlane
let upstream: RawUpstream
let answerWith: Answer

const POLICY: ResponsePolicy = {
  owner: [{ pointer: '/beneficiaries/*/id', claim: 'ids' }],
  number: [],
  subjects: ['/beneficiaries/*/id'],
  unknown: 'refuse',
  bytesMax: 2_000,
}

beforeEach(async () => {
  upstream = await startRawUpstream((seen, connection) => answerWith(seen, connection))
  const session = { level: 'required', bind: [] } as const
  plane = await startDataPlane({
    upstream: upstream.port,
    routes: [
      { id: 'refuse', path: '/refuse', methods: ['GET', 'POST'], audit: 'strict', session, response: POLICY },
      { id: 'pass', path: '/pass', session, response: { ...POLICY, unknown: 'pass' } },
      {
        id: 'root',
        path: '/root',
        session,
        response: { ...POLICY, owner: [{ pointer: '/*/id', claim: 'ids' }], subjects: [] },
      },
    ],
  })
})

afterEach(async () => {
  await plane.close()
  await upstream.close()
})

const respond = (status: string, body: string | Buffer, fields = 'Content-Type: application/json\r\n'): Buffer => {
  const bytes = Buffer.from(body)
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status}\r\n${fields}Content-Length: ${bytes.length}\r\nX-Secret: s3cret\r\n\r\n`),
    bytes,
  ])
}

async function ask(path: string, fields: Record<string, string> = {}, method = 'GET') {
  const token = plane.token({ claims: { ids: ['BEN-1', 'BEN-2'] } })
  return plane.ask(request(method, path, { Authorization: `Bearer ${token}`, ...fields }), { head: method === 'HEAD' })
}

const MINE = '{"beneficiaries":[{"id":"BEN-1","name":"Tanixo"},{"id":"BEN-2","name":"Qelomi"}]}'
const MIXED = '{"beneficiaries":[{"id":"BEN-1","name":"Tanixo"},{"id":"BEN-3","name":"STRANGER"}]}'

describe('a record that the session owns', () => {
  test('passes as it came, with its fields; the people are told to the trail', async () => {
    answerWith = () => respond('200 OK', MINE)
    const answer = await ask('/refuse')
    expect([answer.status, answer.body.toString(), field(answer, 'x-secret')]).toEqual([200, MINE, 's3cret'])
    expect(plane.trail.requests).toHaveLength(1)
    expect(plane.trail.requests[0]).toMatchObject({ decision: 'allow', status: 200, bytes: MINE.length, returned: 2 })
    expect(plane.trail.requests[0]?.subjects).toHaveLength(2)
  })

  test('chunked, in pieces with pauses', async () => {
    answerWith = (_seen, { socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
      const pieces = MINE.match(/.{1,9}/g) ?? []
      const next = (): void => {
        const piece = pieces.shift()
        if (piece === undefined) socket.write('0\r\n\r\n')
        else {
          socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`)
          setImmediate(next)
        }
      }
      next()
      return undefined
    }
    const answer = await ask('/refuse')
    expect([answer.status, answer.body.toString(), answer.complete]).toEqual([200, MINE, true])
  })

  test('until the end of the connection, and to an HTTP/1.0 caller', async () => {
    answerWith = (_seen, { socket }) => {
      socket.end(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n${MINE}`)
      return undefined
    }
    const token = plane.token({ claims: { ids: ['BEN-1', 'BEN-2'] } })
    const client = await plane.connect()
    client.write(`GET /refuse HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    const answer = await client.response()
    expect([answer.status, answer.body.toString()]).toEqual([200, MINE])
  })

  test.each([
    ['nobody', '/refuse', '200 OK', '{"beneficiaries":[]}'],
    ['a list at the root', '/root', '200 OK', '[{"id":"BEN-2"}]'],
    ['an empty list at the root', '/root', '200 OK', '[]'],
    ['an error that names nobody', '/refuse', '404 Not Found', '{"message":"no such beneficiary"}'],
    ['an error as problem+json', '/refuse', '500 Oops', '{"title":"broken"}'],
  ])('%s passes', async (_what, path, status, body) => {
    answerWith = () => respond(status, body, 'Content-Type: application/problem+json\r\n')
    const answer = await ask(path)
    expect([answer.status, answer.body.toString()]).toEqual([Number(status.slice(0, 3)), body])
  })

  test('no body at all passes: there is nothing to own', async () => {
    answerWith = () => 'HTTP/1.1 204 No Content\r\n\r\n'
    expect((await ask('/refuse')).status).toBe(204)
    answerWith = () => 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'
    expect((await ask('/refuse')).status).toBe(404)
    expect((await ask('/refuse', {}, 'HEAD')).status).toBe(404)
  })
})

describe('a record that it does not own is 403, and nothing leaks', () => {
  test.each([
    ["another's among its own", '/refuse', '200 OK', MIXED],
    ["another's in an error", '/refuse', '409 Conflict', MIXED],
    ['at the root', '/root', '200 OK', '[{"id":"BEN-1"},{"id":"BEN-3","name":"STRANGER"}]'],
    ['an empty name', '/refuse', '200 OK', '{"beneficiaries":[{"id":"","name":"STRANGER"}]}'],
  ])('%s', async (_what, path, status, body) => {
    answerWith = () => respond(status, body)
    const answer = await ask(path)
    expect([answer.status, problemOf(answer).type]).toEqual([403, 'urn:portcullis:problem:not-owner'])
    expect(field(answer, 'www-authenticate')).toContain('insufficient_scope')
    const all = JSON.stringify([answer.fields, answer.body.toString('latin1')])
    for (const secret of ['STRANGER', 'BEN-3', 's3cret']) expect(all).not.toContain(secret)
  })

  test('the trail tells that the upstream was asked, that the caller was refused, and nobody who came back', async () => {
    answerWith = () => respond('200 OK', MIXED)
    await ask('/refuse')
    expect(plane.trail.requests.map(({ phase, decision, status }) => [phase, decision, status])).toEqual([
      ['decision', 'allow', undefined],
      ['outcome', 'forbidden', 403],
    ])
    expect(
      plane.trail.requests.every(({ subjects, returned }) => subjects === undefined && returned === undefined),
    ).toBe(true)
  })

  test('not one byte leaves while the stranger comes last', async () => {
    const client = await plane.connect()
    const token = plane.token({ claims: { ids: ['BEN-1'] } })
    const first = '{"beneficiaries":[{"id":"BEN-1","name":"Tanixo"},'
    const last = '{"id":"BEN-3","name":"STRANGER"}]}'
    let go = (): void => undefined
    answerWith = (_seen, { socket }) => {
      socket.write(
        `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${first.length + last.length}\r\n\r\n${first}`,
      )
      go = () => void socket.write(last)
      return undefined
    }
    client.write(request('GET', '/refuse', { Authorization: `Bearer ${token}` }))
    await upstream.requested(1)
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(client.received).toHaveLength(0)
    go()
    expect((await client.response()).status).toBe(403)
  })
})

describe('what cannot be judged', () => {
  const coded = gzipSync(MINE)
  const cases: readonly (readonly [string, Buffer | string])[] = [
    ['another shape', respond('200 OK', '{"people":[{"id":"BEN-1"}]}')],
    ['one without a name', respond('200 OK', '{"beneficiaries":[{"id":"BEN-1"},{"name":"Qelomi"}]}')],
    ['a number beyond doubles', respond('200 OK', '{"beneficiaries":[{"id":12345678901234567890}]}')],
    ['a member that stands twice', respond('200 OK', '{"beneficiaries":[{"id":"BEN-3","id":"BEN-1"}]}')],
    ['a member in another case', respond('200 OK', '{"beneficiaries":[{"id":"BEN-1","ID":"BEN-3"}]}')],
    ['no JSON', respond('200 OK', '<html>', 'Content-Type: text/html\r\n')],
    ['no type', respond('200 OK', MINE, '')],
    ['JSON that breaks off', respond('200 OK', MINE.slice(0, -1))],
    ['gzip', respond('200 OK', coded, 'Content-Type: application/json\r\nContent-Encoding: gzip\r\n')],
    [
      'a part',
      respond('206 Partial Content', MINE, 'Content-Type: application/json\r\nContent-Range: bytes 0-9/99\r\n'),
    ],
    [
      'a range that is called whole',
      respond('200 OK', MINE, 'Content-Type: application/json\r\nContent-Range: bytes 0-9/99\r\n'),
    ],
    ['more bytes than are held', respond('200 OK', `{"x":"${'x'.repeat(3_000)}"}`)],
    ['an error page', respond('500 Oops', '<html>', 'Content-Type: text/html\r\n')],
    ['empty JSON', respond('200 OK', ' ')],
  ]

  test.each(cases)('%s is refused, and nothing of it leaks', async (_what, bytes) => {
    answerWith = () => bytes
    const answer = await ask('/refuse')
    expect([answer.status, problemOf(answer).type]).toEqual([502, 'urn:portcullis:problem:response-unjudged'])
    expect(JSON.stringify(answer.fields)).not.toContain('s3cret')
    expect(plane.trail.requests.at(-1)).toMatchObject({ decision: 'forbidden', reason: 'response-unjudged' })
  })

  test.each(cases)('%s passes where the route says so, as it came', async (_what, bytes) => {
    answerWith = () => bytes
    const answer = await ask('/pass')
    const all = Buffer.from(bytes)
    expect(answer.status).toBe(Number(all.toString('latin1', 9, 12)))
    expect(answer.body.equals(all.subarray(all.indexOf('\r\n\r\n') + 4))).toBe(true)
  })

  test('more bytes than are held, chunked: refused, or passed on from the first to the last', async () => {
    const piece = `"${'x'.repeat(998)}",`
    answerWith = (_seen, { socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n')
      for (let n = 0; n < 5; n++) socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`)
      socket.write('2\r\n1]\r\n0\r\n\r\n')
      return undefined
    }
    expect((await ask('/refuse')).status).toBe(502)
    const answer = await ask('/pass')
    expect(answer.body.toString()).toBe(`[${piece.repeat(5)}1]`)
  })

  test('HEAD and 304 say something of a record that nobody has judged', async () => {
    answerWith = () => 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\nETag: "x"\r\n\r\n'
    const head = await ask('/refuse', {}, 'HEAD')
    expect([head.status, field(head, 'etag')]).toEqual([502, undefined])
    expect((await ask('/pass', {}, 'HEAD')).status).toBe(200)
    answerWith = () => 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n'
    expect((await ask('/refuse')).status).toBe(502)
  })

  test('an upstream that breaks off is a 502 as ever', async () => {
    answerWith = (_seen, { socket }) => {
      socket.end(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n${MINE}`)
      return undefined
    }
    const answer = await ask('/refuse')
    expect([answer.status, problemOf(answer).type]).toEqual([502, 'urn:portcullis:problem:upstream-reset'])
  })
})

test('what would make an answer that cannot be judged is not asked for', async () => {
  answerWith = () => respond('200 OK', MINE)
  await ask('/refuse', {
    'Accept-Encoding': 'gzip',
    Range: 'bytes=0-9',
    'If-Range': '"x"',
    'If-None-Match': '"x"',
    If_Modified_Since: 'Sun, 29 Nov 2026 00:00:00 GMT',
    'X-Other': 'stays',
  })
  const seen = upstream.requests[0]
  for (const name of ['accept-encoding', 'range', 'if-range', 'if-none-match', 'if_modified_since'])
    expect(fieldOf(seen, name)).toBeUndefined()
  expect(fieldOf(seen, 'x-other')).toBe('stays')
})

test('a tunnel cannot be judged', async () => {
  answerWith = () =>
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n'
  const upgrade = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
  }
  expect((await ask('/refuse', upgrade)).status).toBe(502)
})

test('a lock that lands while an answer is held back gets it', async () => {
  let finish = (): void => undefined
  answerWith = (_seen, { socket }) => {
    socket.write(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${MINE.length}\r\n\r\n${MINE.slice(0, 20)}`,
    )
    finish = () => void socket.write(MINE.slice(20))
    return undefined
  }
  const client = await plane.connect()
  client.write(
    request('GET', '/refuse', { Authorization: `Bearer ${plane.token({ claims: { ids: ['BEN-1', 'BEN-2'] } })}` }),
  )
  await upstream.requested(1)
  plane.lock({ all: true })
  finish()
  expect((await client.response()).status).toBe(503)
})

test('an unsafe method is judged too: what was done is done, and its answer stays here', async () => {
  answerWith = () => respond('201 Created', MIXED)
  const token = plane.token({ claims: { ids: ['BEN-1'] } })
  const answer = await plane.ask(
    request('POST', '/refuse', { Authorization: `Bearer ${token}`, 'Content-Length': '0' }),
  )
  expect(answer.status).toBe(403)
  expect(upstream.requests).toHaveLength(1)
})
