// proxy-behaviours D, 33 to 40 and 44 to 46: a body is framed anew, streamed, bounded, and never read as anything but a body.
import { randomBytes } from 'node:crypto'
import { expect } from '@jest/globals'
import { checklist, responsesIn } from '../../support/checklist.ts'
import { connectRaw, field } from '../../support/raw-client.ts'
import { fieldOf, fieldsOf, OK } from '../../support/raw-upstream.ts'
import { turns, until, useRig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'

const start = useRig()
const { line, counts } = checklist('proxy-behaviours D, request bodies')
const ROUTES = [{ path: '/open', methods: ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'] }, { path: '/locked' }] as const
const GET = request('GET', '/open')
const MIB = 1024 * 1024
const LARGE = { headersMax: 100, bodyBytesMax: 16 * MIB }
const HIDDEN = 'GET /locked HTTP/1.1\r\nHost: a\r\n\r\n'

const inChunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`
const POST_CHUNKED = 'POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n'

line(33, 'bodies of 1 MiB and more arrive whole and unchanged, with a length and in chunks', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, settings: LARGE })
  for (const size of [MIB, 5 * MIB + 1]) {
    // Binary, with what could be taken for framing in it.
    const body = Buffer.concat([Buffer.from('0\r\n\r\n'), randomBytes(size - 5)])
    const client = await plane.connect()
    client.write(request('POST', '/open', { 'Content-Length': String(size) }))
    client.write(body)
    expect((await client.response()).status).toBe(200)
    client.write(request('POST', '/open', { 'Transfer-Encoding': 'chunked' }))
    for (let at = 0; at < size; at += 77_777) {
      const part = body.subarray(at, at + 77_777)
      client.write(`${part.length.toString(16)}\r\n`)
      client.write(part)
      client.write('\r\n')
    }
    client.write('0\r\n\r\n')
    expect((await client.response()).status).toBe(200)
    for (const seen of upstream.requests.slice(-2)) expect(seen.body.equals(body)).toBe(true)
  }
})

line(34, 'a request without a body gains no framing, and Content-Length 0 is kept', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  for (const method of ['GET', 'DELETE', 'OPTIONS', 'POST']) await plane.ask(request(method, '/open'))
  await plane.ask(request('POST', '/open', { 'Content-Length': '0' }))
  const framings = upstream.requests.map((seen) => [
    seen.method,
    fieldOf(seen, 'transfer-encoding'),
    fieldOf(seen, 'content-length'),
  ])
  expect(framings.slice(0, 3)).toEqual(['GET', 'DELETE', 'OPTIONS'].map((method) => [method, undefined, undefined]))
  // RFC 9110, 8.6: a POST without a body should say so, and may be made to.
  expect([undefined, '0']).toContain(framings[3]?.[2])
  expect(framings[4]).toEqual(['POST', undefined, '0'])
})

line(35, 'a chunked body of DELETE, OPTIONS, GET or PUT goes on whole, and no byte of it is a request', async () => {
  for (const method of ['DELETE', 'OPTIONS', 'GET', 'PUT']) {
    const { plane, upstream } = await start({ routes: ROUTES })
    const client = await plane.connect()
    client.write(`${method} /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${inChunk(HIDDEN)}`)
    expect((await client.response()).status).toBe(200)
    client.write(GET)
    expect((await client.response()).status).toBe(200)
    expect(upstream.requests.map((seen) => [seen.method, seen.target, seen.body.toString()])).toEqual([
      [method, '/open', HIDDEN],
      ['GET', '/open', ''],
    ])
  }
})

line(36, 'a request hidden in a chunk is never executed (httpxy GHSA-ggv3-7p47-pfv8)', async () => {
  for (const lines of [
    'Connection: keep-alive\r\n',
    'Connection: keep-alive, Transfer-Encoding\r\n',
    'Connection: upgrade\r\nUpgrade: websocket\r\n',
    'Connection: upgrade, Transfer-Encoding\r\nUpgrade: h2c\r\n',
    'Connection: Content-Length, close\r\n',
  ]) {
    for (const method of ['POST', 'OPTIONS', 'GET']) {
      const { plane, upstream } = await start({ routes: ROUTES, pool: { connectionsMax: 1 } })
      plane.lock({ routes: ['locked'] })
      const client = await plane.connect()
      client.write(
        `${method} /open HTTP/1.1\r\nHost: a\r\n${lines}Transfer-Encoding: chunked\r\n\r\n${inChunk(HIDDEN)}`,
      )
      await client.response()
      expect((await plane.ask(GET)).status).toBe(200)
      await turns()
      // Refused, or a body: the second caller's request is the only other one there.
      expect(upstream.requests.map(({ target }) => target)).not.toContain('/locked')
      for (const { bytes } of upstream.connections) {
        const text = bytes.toString('latin1')
        if (text.includes(HIDDEN)) expect(text).toContain(inChunk(HIDDEN))
      }
    }
  }
})

line(37, 'a slow upload is streamed: head and first bytes are there before the rest is sent', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  const client = await plane.connect()
  client.write(request('POST', '/open', { 'Content-Length': '8' }))
  client.write('four')
  await until(() => upstream.connections[0]?.bytes.includes('\r\n\r\nfour') ?? false)
  client.write('more')
  expect((await client.response()).status).toBe(200)
  client.write(`${POST_CHUNKED}\r\n4\r\nfo`)
  client.write('ur\r\n')
  await until(() => /fo(\r\n2\r\n)?ur(\r\n)?$/.test(upstream.connections[0]?.bytes.toString() ?? ''))
  client.write('0\r\n\r\n')
  expect((await client.response()).status).toBe(200)
  expect(upstream.requests.map(({ body }) => body.toString())).toEqual(['fourmore', 'four'])
})

line(38, 'a body over the limit is 413: before any byte where it says so, else as an aborted request', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, settings: { bodyBytesMax: 10_000 } })
  for (const length of ['10001', '99999999999'])
    expect((await plane.ask(request('POST', '/open', { 'Content-Length': length }, 'x'))).status).toBe(413)
  expect(upstream.connections.length).toBe(0)
  // The limit counts what is meant, however it is cut.
  for (const piece of [`3e8\r\n${'x'.repeat(1_000)}\r\n`, '1\r\nx\r\n'.repeat(1_000)]) {
    const client = await plane.connect()
    client.write(`${POST_CHUNKED}\r\n`)
    for (let count = 0; count < 11; count++) {
      client.write(piece)
      await turns(2)
    }
    client.write('0\r\n\r\n')
    const answer = await client.response()
    expect([answer.status, field(answer, 'connection')]).toEqual([413, 'close'])
    await client.ended
    expect(responsesIn(client.received)).toBe(1)
  }
  await Promise.all(upstream.connections.map(({ closed }) => closed))
  expect(upstream.requests).toEqual([])
  for (const { bytes } of upstream.connections) expect(bytes.toString('latin1')).not.toMatch(/\r\n0\r\n\r\n$/)
})

line(39, 'an answer ahead of the upload’s end is passed on, and closes both connections', async () => {
  const { plane, upstream } = await start({ routes: ROUTES }, () => undefined)
  for (const framing of ['Content-Length: 500\r\n', 'Transfer-Encoding: chunked\r\n']) {
    upstream.onBytes = ({ socket }) => {
      upstream.onBytes = undefined
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly')
    }
    const before = upstream.connections.length
    // Half-open: the caller goes on sending what it can.
    const client = await connectRaw(plane.port, true)
    client.write(`POST /open HTTP/1.1\r\nHost: a\r\n${framing}\r\n`)
    client.write('4\r\nfour\r\n')
    const answer = await client.response()
    expect([answer.status, answer.body.toString(), field(answer, 'connection')]).toEqual([200, 'early', 'close'])
    client.write(`0\r\n\r\n${HIDDEN}${'x'.repeat(480)}${HIDDEN}`)
    await client.ended
    await turns()
    expect(responsesIn(client.received)).toBe(1)
    expect(upstream.connections.length).toBe(before + 1)
    await upstream.connections[before]?.closed
    client.close()
  }
  expect(upstream.requests).toEqual([])
})

line(40, 'an answer behind the request’s end leaves the caller’s connection in use', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  const client = await plane.connect()
  for (let count = 0; count < 3; count++) {
    client.write(request('POST', '/open', { 'Content-Length': '4' }, 'four'))
    expect(field(await client.response(), 'connection')).not.toBe('close')
    client.write(`${POST_CHUNKED}\r\n${inChunk('chunks')}`)
    expect(field(await client.response(), 'connection')).not.toBe('close')
  }
  expect([client.isOpen, upstream.requests.length]).toEqual([true, 6])
})

line(44, 'trailers end here: neither trailers nor fields of anything at the upstream', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  for (const trailer of [
    'X-Gateway-User: evil',
    'Authorization: Bearer evil',
    'X-Forwarded-For: 6.6.6.6',
    'Host: evil',
    'X-Late: evil',
  ]) {
    const answer = await plane.ask(`${POST_CHUNKED}Trailer: X-Gateway-User\r\n\r\n4\r\nfour\r\n0\r\n${trailer}\r\n\r\n`)
    expect([200, 400]).toContain(answer.status)
  }
  // What frames a message never stands behind it.
  for (const trailer of ['Content-Length: 9', 'Transfer-Encoding: chunked'])
    expect((await plane.ask(`${POST_CHUNKED}\r\n4\r\nfour\r\n0\r\n${trailer}\r\n\r\n`)).status).toBe(400)
  await turns()
  for (const { bytes } of upstream.connections)
    expect(bytes.toString('latin1')).not.toMatch(/evil|6\.6\.6\.6|trailer|content-length/i)
  expect(upstream.requests.length).toBeGreaterThan(0)
  for (const { body, fields } of upstream.requests) {
    expect(body.toString()).toBe('four')
    expect(fields.some(([name]) => name === 'trailer')).toBe(false)
  }
})

line(45, 'no body is parsed or written anew: it arrives byte for byte, whatever its type says', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  for (const [type, body] of [
    ['application/json', '{ "a":1,\r\n  "a" : 2, }\n'],
    ['application/json ; charset=utf-8', '"\\ud800"'],
    ['application/json', '\xef\xbb\xbf{"\xff":1}'],
    ['application/x-www-form-urlencoded', 'b=2&a=1&&a=%zz;'],
    ['', 'no type'],
  ] as const) {
    const length = String(Buffer.byteLength(body, 'latin1'))
    await plane.ask(request('POST', '/open', { 'Content-Type': type, 'Content-Length': length }, body))
    const seen = upstream.requests.at(-1)
    expect([fieldOf(seen, 'content-type'), fieldsOf(seen, 'content-length')]).toEqual([type, [length]])
    expect(seen?.body.toString('latin1')).toBe(body)
  }
})

line(46, 'unknown types, multipart and compressed bodies pass untouched', async () => {
  const { plane, upstream } = await start({ routes: ROUTES }, () => OK)
  const multipart =
    '--b\r\nContent-Disposition: form-data; name="a\r\nX: y"; filename="\xe9"\r\n\r\n\x00\x01\r\n--b--\r\npreamble'
  for (const [fields, body] of [
    [{ 'Content-Type': 'multipart/form-data; boundary=b' }, multipart],
    [{ 'Content-Type': 'application/x-nobody-knows; v="1"' }, '\x00\xff\xfe'],
    [{ 'Content-Type': 'application/octet-stream', 'Content-Encoding': 'gzip' }, '\x1f\x8b\x08\x00nonsense'],
    [{ 'Content-Type': 'garbage' }, 'x'],
  ] as const) {
    await plane.ask(request('POST', '/open', { ...fields, 'Content-Length': String(body.length) }, body))
    const seen = upstream.requests.at(-1)
    for (const [name, value] of Object.entries(fields)) expect(fieldsOf(seen, name)).toEqual([value])
    expect(seen?.body.toString('latin1')).toBe(body)
  }
})

counts()
