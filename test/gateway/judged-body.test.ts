// A body that names people is judged before the upstream is called, and what was judged is what is forwarded, byte for byte.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { field, problemOf } from '../support/raw-client.ts'
import { OK, startRawUpstream, type RawUpstream } from '../support/raw-upstream.ts'
import { request, startDataPlane, type DataPlane } from '../support/start-data-plane.ts'

let plane: DataPlane
let upstream: RawUpstream

beforeEach(async () => {
  upstream = await startRawUpstream(() => OK)
  plane = await startDataPlane({
    upstream: upstream.port,
    routes: [
      {
        id: 'book',
        path: '/book',
        methods: ['POST'],
        audit: 'strict',
        session: { level: 'required', bind: [{ source: { in: 'body', name: '/beneficiaryId' }, claim: 'ids' }] },
        subjects: [{ in: 'body', name: '/beneficiaryId' }],
        bodyBytesMax: 1_000,
      },
      {
        id: 'batch',
        path: '/batch',
        methods: ['POST'],
        session: { level: 'required', bind: [{ source: { in: 'body', name: '/items/*/id' }, claim: 'ids' }] },
        subjects: [{ in: 'body', name: '/items/*/id' }],
        bodyBytesMax: 10_000,
      },
    ],
  })
})

afterEach(async () => {
  await plane.close()
  await upstream.close()
})

const JSON_TYPE = { 'Content-Type': 'application/json' }

function post(path: string, body: string | Buffer, fields: Record<string, string> = JSON_TYPE): Buffer {
  const token = plane.token({ claims: { ids: ['BEN-1', 'BEN-2', '17'] } })
  const bytes = Buffer.from(body)
  const all = { Authorization: `Bearer ${token}`, 'Content-Length': String(bytes.length), ...fields }
  return Buffer.concat([Buffer.from(request('POST', path, all)), bytes])
}

async function ask(bytes: Buffer) {
  const client = await plane.connect()
  client.write(bytes)
  return client.response()
}

describe('a body that the session owns is forwarded as it came', () => {
  test.each([
    ['plain', '{"beneficiaryId":"BEN-1","slot":"s1"}'],
    ['blanks and escapes', ' {\r\n\t"slot" : "\\u00e9\\/",  "\\u0062eneficiaryId":"BEN\\u002d1" } \n'],
    ['a number', '{"beneficiaryId":17}'],
  ])('%s', async (_what, body) => {
    const answer = await ask(post('/book', body))
    expect(answer.status).toBe(200)
    expect(upstream.requests[0]?.body.toString()).toBe(body)
    expect(plane.trail.requests[0]?.subjects).toHaveLength(1)
  })

  test('in chunks, which come one byte at a time', async () => {
    const body = '{"slot":"é","beneficiaryId":"BEN-2"}'
    const client = await plane.connect()
    const token = plane.token({ claims: { ids: ['BEN-2'] } })
    client.write(
      request('POST', '/book', { Authorization: `Bearer ${token}`, ...JSON_TYPE, 'Transfer-Encoding': 'chunked' }),
    )
    for (const byte of Buffer.from(body)) client.write(Buffer.from([0x31, 13, 10, byte, 13, 10]))
    client.write('0\r\nX-Trailer: 1\r\n\r\n')
    expect((await client.response()).status).toBe(200)
    expect(upstream.requests[0]?.body.toString()).toBe(body)
    // The connection goes on behind the body.
    client.write(post('/book', body))
    expect((await client.response()).status).toBe(200)
  })

  test('the body is asked for once, and only from a session that may ask', async () => {
    const body = '{"beneficiaryId":"BEN-1"}'
    const bytes = post('/book', body, { ...JSON_TYPE, Expect: '100-continue' })
    const client = await plane.connect()
    client.write(bytes.subarray(0, bytes.length - body.length))
    expect((await client.response()).status).toBe(100)
    expect(upstream.requests).toHaveLength(0)
    client.write(body)
    expect((await client.response()).status).toBe(200)
    expect(client.received.toString().match(/100 Continue/g)).toHaveLength(1)

    const stranger = await plane.connect()
    stranger.write(request('POST', '/book', { ...JSON_TYPE, 'Content-Length': '25', Expect: '100-continue' }))
    expect((await stranger.response()).status).toBe(401)
  })
})

describe('what the session does not own is 403, and no byte reaches the upstream', () => {
  test.each([
    ["another's", '/book', '{"beneficiaryId":"BEN-3"}'],
    ['absent', '/book', '{"slot":"s1"}'],
    ['empty', '/book', '{"beneficiaryId":""}'],
    ['null', '/book', '{"beneficiaryId":null}'],
    ['a list', '/book', '{"beneficiaryId":["BEN-1"]}'],
    ['deeper', '/book', '{"x":{"beneficiaryId":"BEN-1"}}'],
    ["one of three is another's", '/batch', '{"items":[{"id":"BEN-1"},{"id":"BEN-3"},{"id":"BEN-2"}]}'],
    ['one of two has none', '/batch', '{"items":[{"id":"BEN-1"},{"x":1}]}'],
    ['nobody at all', '/batch', '{"items":[]}'],
    ['a number that is another in some languages', '/book', '{"beneficiaryId":17.0}'],
  ])('%s', async (_what, path, body) => {
    const answer = await ask(post(path, body))
    expect(answer.status).toBe(403)
    expect(field(answer, 'www-authenticate')).toContain('insufficient_scope')
    expect(upstream.seen).toBe(0)
    expect(plane.trail.requests.map(({ decision }) => decision)).toEqual(['forbidden'])
  })

  test('each of a batch is judged and recorded', async () => {
    expect((await ask(post('/batch', '{"items":[{"id":"BEN-1"},{"id":"BEN-2"},{"id":"BEN-1"}]}'))).status).toBe(200)
    expect(plane.trail.requests[0]?.subjects).toHaveLength(2)
  })
})

describe('a body that two readers take differently is refused', () => {
  test.each([
    ['twice', '{"beneficiaryId":"BEN-1","beneficiaryId":"BEN-3"}'],
    ['twice by an escape', '{"beneficiaryId":"BEN-1","beneficiaryI\\u0064":"BEN-3"}'],
    ['in another case', '{"beneficiaryId":"BEN-1","BeneficiaryID":"BEN-3"}'],
    ['with a comment', '{"beneficiaryId":"BEN-1"/*,"beneficiaryId":"BEN-3"*/}'],
    ['with something behind', '{"beneficiaryId":"BEN-1"}{"beneficiaryId":"BEN-3"}'],
    ['cut short', '{"beneficiaryId":"BEN-1"'],
    ['no JSON', 'beneficiaryId=BEN-1'],
    ['with a byte order mark', '\ufeff{"beneficiaryId":"BEN-1"}'],
  ])('%s', async (_what, body) => {
    const answer = await ask(post('/book', body))
    expect(answer.status).toBe(400)
    expect(upstream.seen).toBe(0)
  })

  test('bytes that are no UTF-8', async () => {
    const body = Buffer.concat([Buffer.from('{"beneficiaryId":"BEN-1","x":"'), Buffer.from([0xff]), Buffer.from('"}')])
    expect((await ask(post('/book', body))).status).toBe(400)
  })

  test.each([
    ['no type', {}],
    ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['text', { 'Content-Type': 'text/json' }],
    ['another charset', { 'Content-Type': 'application/json; charset=utf-16' }],
    ['a type that stays here', { 'Content-Type': 'application/json', Connection: 'close, content-type' }],
    ['two types', { 'Content-Type': 'application/json', 'content-type': 'text/plain' }],
    ['a coding', { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }],
  ])('%s is 415', async (_what, fields) => {
    const answer = await ask(post('/book', '{"beneficiaryId":"BEN-1"}', fields))
    expect([answer.status, problemOf(answer).type]).toEqual([415, 'urn:portcullis:problem:unsupported-body'])
    expect(upstream.seen).toBe(0)
  })

  test.each([
    ['a charset', { 'Content-Type': 'application/json; charset="UTF-8"' }],
    ['a suffix', { 'Content-Type': 'application/merge-patch+json' }],
    ['no coding at all', { 'Content-Type': 'application/json', 'Content-Encoding': 'identity' }],
  ])('%s is taken', async (_what, fields) => {
    expect((await ask(post('/book', '{"beneficiaryId":"BEN-1"}', fields))).status).toBe(200)
  })
})

describe('limits and order', () => {
  test('more bytes are 413: told at once by the length, while they come without', async () => {
    const long = `{"beneficiaryId":"BEN-1","x":"${'x'.repeat(1_000)}"}`
    expect((await ask(post('/book', long))).status).toBe(413)
    const client = await plane.connect()
    const token = plane.token({ claims: { ids: ['BEN-1'] } })
    client.write(
      request('POST', '/book', { Authorization: `Bearer ${token}`, ...JSON_TYPE, 'Transfer-Encoding': 'chunked' }),
    )
    client.write(`${long.length.toString(16)}\r\n${long}\r\n`)
    expect((await client.response()).status).toBe(413)
    expect(upstream.seen).toBe(0)
  })

  test('no body is read of a caller without a session, or with an old one, or while it is locked', async () => {
    const old = plane.token({ byOtp: false })
    for (const [status, fields] of [
      [401, {}],
      [401, { Authorization: `Bearer ${old}` }],
    ] as const) {
      const client = await plane.connect()
      client.write(request('POST', '/book', { ...fields, ...JSON_TYPE, 'Content-Length': '900' }))
      expect((await client.response()).status).toBe(status)
    }
    plane.lock({ routes: ['book'] })
    const client = await plane.connect()
    client.write(request('POST', '/book', { ...JSON_TYPE, 'Content-Length': '900' }))
    expect((await client.response()).status).toBe(503)
  })

  test('a lock that lands while the body comes is seen', async () => {
    const body = '{"beneficiaryId":"BEN-1"}'
    const bytes = post('/book', body, { ...JSON_TYPE, Expect: '100-continue' })
    const client = await plane.connect()
    client.write(bytes.subarray(0, bytes.length - body.length))
    expect((await client.response()).status).toBe(100)
    plane.lock({ all: true })
    client.write(body)
    expect((await client.response()).status).toBe(503)
    expect(upstream.seen).toBe(0)
  })

  test('a caller that goes in the middle of its body is recorded, and nothing is called', async () => {
    const bytes = post('/book', '{"beneficiaryId":"BEN-1"}', { ...JSON_TYPE, Expect: '100-continue' })
    const client = await plane.connect()
    client.write(bytes.subarray(0, bytes.length - 5))
    expect((await client.response()).status).toBe(100)
    client.close()
    while (plane.settled.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(plane.settled[0]).toMatchObject({ status: 499, decision: 'rejected' })
    expect(upstream.seen).toBe(0)
    expect(plane.gateway.inFlight.size).toBe(0)
  })

  test('subjects alone are read of the body too', async () => {
    await plane.close()
    plane = await startDataPlane({
      upstream: upstream.port,
      routes: [
        {
          path: '/find',
          methods: ['POST'],
          subjects: [{ in: 'body', name: '/mobile' }],
          bodyBytesMax: 1_000,
        },
      ],
    })
    expect((await ask(post('/find', '{"mobile":"9876543210"}'))).status).toBe(200)
    expect(plane.trail.requests[0]?.subjects).toHaveLength(1)
    expect(JSON.stringify(plane.trail.requests)).not.toContain('9876543210')
    plane.lock({ subjects: plane.trail.requests[0]?.subjects ?? [] })
    expect((await ask(post('/find', '{"mobile":"9876543210"}'))).status).toBe(503)
    expect((await ask(post('/find', '{"mobile":"9876543211"}'))).status).toBe(200)
  })

  test.each([
    ['a number with a point', '{"mobile":9876543210.0}'],
    ['an exponent', '{"mobile":987654321e1}'],
    ['a text longer than is read', `{"mobile":"9876543210${' '.repeat(5_000)}"}`],
    ['a list of one', '{"mobile":["9876543210"]}'],
    ['an object', '{"mobile":{"number":"9876543210"}}'],
  ])('whom a lock names does not pass it by %s', async (_what, body) => {
    await plane.close()
    plane = await startDataPlane({
      upstream: upstream.port,
      routes: [{ path: '/find', methods: ['POST'], subjects: [{ in: 'body', name: '/mobile' }], bodyBytesMax: 10_000 }],
    })
    plane.lock({ subjects: [plane.gateway.pseudonyms.of('subject', '9876543210')] })
    const answer = await ask(post('/find', body))
    expect([answer.status, problemOf(answer).detail]).toEqual([400, expect.stringContaining('neither a text')])
    expect(upstream.seen).toBe(0)
    expect((await ask(post('/find', '{"mobile":null}'))).status).toBe(200)
  })
})
