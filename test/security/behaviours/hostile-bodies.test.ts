// Hostile upstreams, 2: bodies that are cut, malformed or too long, and more than was asked for. A part never looks like the whole.
import { expect, test } from '@jest/globals'
import { responsesIn } from '../../support/checklist.ts'
import { turns, until, useRig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'
import { CLEAN, endure, MARK, outcomeOf, POISON, type Ending } from './hostile.ts'

const start = useRig()
let cases = 0
let held = 0
const suite = (name: string, show: () => Promise<void>): void => {
  cases += 1
  test(name, async () => {
    await show()
    held += 1
  })
}

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const LONG = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n'

const BROKEN_CHUNKS: readonly (readonly [name: string, rest: string])[] = [
  ['a size of letters', `zz\r\n${MARK}\r\n0\r\n\r\n`],
  ['an empty size', `\r\n${MARK}\r\n0\r\n\r\n`],
  ['a negative size', `-6\r\n${MARK}\r\n0\r\n\r\n`],
  ['a size with a sign', `+6\r\n${MARK}\r\n0\r\n\r\n`],
  ['a size with 0x', `0x6\r\n${MARK}\r\n0\r\n\r\n`],
  ['a size with an underscore', `0_6\r\n${MARK}\r\n0\r\n\r\n`],
  ['a blank before the size', ` 6\r\n${MARK}\r\n0\r\n\r\n`],
  ['a size of two words', `6 6\r\n${MARK}\r\n0\r\n\r\n`],
  ['a size that overflows', `fffffffffffffffff6\r\n${MARK}\r\n0\r\n\r\n`],
  ['a bare LF behind the size', `6\n${MARK}\r\n0\r\n\r\n`],
  ['a bare CR behind the size', `6\r${MARK}\r\n0\r\n\r\n`],
  ['a bare LF in an extension', `6;a\n${MARK}\r\n0\r\n\r\n`],
  ['a bare CR in an extension', `6;a\rb\r\n${MARK}\r\n0\r\n\r\n`],
  ['NUL in an extension', `6;a\0b\r\n${MARK}\r\n0\r\n\r\n`],
  ['an extension without an end', `6;${'a'.repeat(1_000_000)}`],
  ['extensions of 1 MB in many chunks', `1;${'a'.repeat(1_000)}\r\nx\r\n`.repeat(1_000)],
]

for (const [name, rest] of BROKEN_CHUNKS) {
  suite(`chunks: ${name}: an abort or 502`, async () => {
    const outcome = await endure(start, { bytes: `${CHUNKED}${rest}` })
    if (outcome !== 'aborted') expect([502, 504]).toContain(outcome.answered.status)
  })
}

/** What goes wrong once good bytes have been passed on: the caller sees an abort, and never an end that looks well. */
const BROKEN_ENDS: readonly (readonly [name: string, bytes: string, ending: Ending])[] = [
  ['data longer than its chunk', `${CHUNKED}4\r\nfours\r\n0\r\n\r\n`, 'stay'],
  ['a bare LF behind the data', `${CHUNKED}4\r\nfour\n0\r\n\r\n`, 'stay'],
  ['no line end behind the data', `${CHUNKED}4\r\nfour0\r\n\r\n`, 'stay'],
  ['a bare LF behind the last chunk', `${CHUNKED}4\r\nfour\r\n0\n\r\n`, 'stay'],
  ['a bare LF at the very end', `${CHUNKED}4\r\nfour\r\n0\r\n\n`, 'stay'],
  ['a trailer that is no field', `${CHUNKED}4\r\nfour\r\n0\r\nnonsense\r\n\r\n`, 'stay'],
  ['a trailer that is folded', `${CHUNKED}4\r\nfour\r\n0\r\nX-A: b\r\n c\r\n\r\n`, 'stay'],
  ['NUL in a trailer', `${CHUNKED}4\r\nfour\r\n0\r\nX-A: b\0c\r\n\r\n`, 'stay'],
  ['trailers of 1 MB', `${CHUNKED}4\r\nfour\r\n0\r\n${'X-A: b\r\n'.repeat(125_000)}\r\n`, 'stay'],
  ['chunks cut at a boundary', `${CHUNKED}4\r\nfour\r\n`, 'end'],
  ['chunks cut within the size', `${CHUNKED}4\r\nfour\r\n1`, 'end'],
  ['chunks cut within the data', `${CHUNKED}9\r\nfour`, 'end'],
  ['chunks cut within the last line', `${CHUNKED}4\r\nfour\r\n0\r\n`, 'end'],
  ['chunks cut within the last line end', `${CHUNKED}4\r\nfour\r\n0\r\n\r`, 'end'],
  ['chunks and a reset', `${CHUNKED}4\r\nfour\r\n`, 'reset'],
  ['chunks and silence', `${CHUNKED}4\r\nfour\r\n`, 'stay'],
  ['a length cut short', `${LONG}four`, 'end'],
  ['a length cut by one byte', `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour`, 'end'],
  ['a length and a reset', `${LONG}four`, 'reset'],
  ['a length and silence', `${LONG}four`, 'stay'],
  ['a length and not one byte', LONG, 'end'],
  ['a body of unknown length and a reset', 'HTTP/1.1 200 OK\r\n\r\nfour', 'reset'],
  ['a body of unknown length and silence', 'HTTP/1.1 200 OK\r\n\r\nfour', 'stay'],
]

for (const [name, bytes, ending] of BROKEN_ENDS) {
  suite(`ends: ${name}: an abort, 502 or 504, never a whole answer`, async () => {
    const outcome = await endure(start, { bytes, ending })
    if (outcome !== 'aborted') expect([502, 504]).toContain(outcome.answered.status)
  })
}

suite('ends: an HTTP/1.0 caller, to whom a plain end would look like the whole, sees a reset', async () => {
  for (const bytes of [`${CHUNKED}4\r\nfour\r\n`, `${LONG}four`]) {
    const { plane, upstream } = await start({ routes: [{ path: '/open' }] }, () => undefined)
    const client = await plane.connect()
    client.write('GET /open HTTP/1.0\r\n\r\n')
    await upstream.requested(1)
    upstream.connections[0]?.socket.write(bytes)
    await client.until('four')
    upstream.connections[0]?.socket.end()
    expect(await client.ended).toBe('reset')
  }
})

/** A whole answer with more behind it: the answer is passed on, the rest is nobody's. */
const EXCESS: readonly (readonly [name: string, bytes: string, status: number, method?: 'HEAD'])[] = [
  ['a second answer', `${CLEAN}${POISON}`, 200],
  ['a hundred answers', `${CLEAN}${POISON.repeat(100)}`, 200],
  ['one byte', `${CLEAN}p${MARK}`, 200],
  ['an empty line and an answer', `${CLEAN}\r\n${POISON}`, 200],
  ['an interim answer and an answer', `${CLEAN}HTTP/1.1 100 Continue\r\n\r\n${POISON}`, 200],
  ['a second answer behind chunks', `${CHUNKED}5\r\nclean\r\n0\r\n\r\n${POISON}`, 200],
  ['bytes behind chunks', `${CHUNKED}5\r\nclean\r\n0\r\n\r\n${MARK}`, 200],
  ['chunks behind the last chunk', `${CHUNKED}5\r\nclean\r\n0\r\n\r\n6\r\n${MARK}\r\n0\r\n\r\n`, 200],
  ['a body behind Content-Length 0', `HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n${MARK}`, 200],
  ['a body behind 204', `HTTP/1.1 204 No Content\r\n\r\n${MARK}`, 204],
  ['an answer behind 204', `HTTP/1.1 204 No Content\r\n\r\n${POISON}`, 204],
  ['a body of a length behind 304', `HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n${MARK}`, 304],
  ['an answer behind 304', `HTTP/1.1 304 Not Modified\r\n\r\n${POISON}`, 304],
  ['a body behind HEAD', POISON, 200, 'HEAD'],
  ['chunks behind HEAD', `${CHUNKED}6\r\n${MARK}\r\n0\r\n\r\n`, 200, 'HEAD'],
  ['an answer behind HEAD', `HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n${POISON}`, 200, 'HEAD'],
]

for (const [name, bytes, status, method] of EXCESS) {
  suite(`excess: ${name}: dropped with its connection`, async () => {
    const outcome = await endure(start, { bytes, ...(method === undefined ? {} : { method }) })
    // It could be refused as well, since what is wrong has come with it.
    if (outcome !== 'aborted') expect([status, 502]).toContain(outcome.answered.status)
  })
}

suite('excess: 204 with chunks: no body, and no next answer', async () => {
  const bytes = `HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n${MARK}\r\n0\r\n\r\n`
  const outcome = await endure(start, { bytes })
  if (outcome !== 'aborted') expect([204, 502]).toContain(outcome.answered.status)
})

suite('excess: bytes that come with the last ones of a long download', async () => {
  const { plane, upstream } = await start({ routes: [{ path: '/open' }], pool: { connectionsMax: 1 } }, () => undefined)
  const client = await plane.connect()
  client.write(request('GET', '/open'))
  await upstream.requested(1)
  const socket = upstream.connections[0]?.socket
  const part = 'x'.repeat(300_000)
  socket?.write(`HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\n${part}`)
  await client.atLeast(250_000)
  socket?.write(`${part}${POISON}`)
  const outcome = await outcomeOf(client)
  expect(outcome !== 'aborted' && outcome.answered.body.length).toBe(600_000)
  upstream.answer = () => CLEAN
  client.write(request('GET', '/open'))
  expect((await client.response()).body.toString()).toBe('clean')
  await turns()
  expect([client.received.includes(MARK), responsesIn(client.received)]).toEqual([false, 2])
  await upstream.connections[0]?.closed
})

suite('excess: an answer that ends just where a read does, with another one in the next read', async () => {
  // 64 KiB are read at a time: what came first looks clean, and a request waits for the connection already.
  for (const bytesRead of [65_536, 2 * 65_536, 4 * 65_536]) {
    for (const isChunked of [false, true]) {
      const { plane, upstream } = await start(
        { routes: [{ path: '/open' }, { path: '/other' }], pool: { connectionsMax: 1 } },
        () => undefined,
      )
      const [first, second] = [await plane.connect(), await plane.connect()]
      first.write(request('GET', '/open'))
      await upstream.requested(1)
      second.write(request('GET', '/other'))
      await until(() => plane.gateway.inFlight.size === 2)
      upstream.answer = () => CLEAN
      const head = (size: number): string =>
        isChunked
          ? `${CHUNKED}${size.toString(16).padStart(8, '0')}\r\n`
          : `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`
      const tail = isChunked ? '\r\n0\r\n\r\n' : ''
      let size = bytesRead
      while (head(size).length + size + tail.length > bytesRead) size -= 1
      const answer = `${head(size)}${'x'.repeat(size)}${tail}`
      upstream.connections[0]?.socket.write(Buffer.from(`${answer}${POISON}`, 'latin1'))
      expect((await first.response()).body.length).toBe(size)
      const body = (await second.response()).body.toString()
      expect({ bytes: answer.length, isChunked, body }).toEqual({ bytes: bytesRead, isChunked, body: 'clean' })
    }
  }
})

test('counts', () => {
  console.info(`hostile upstreams, bodies: ${cases} cases, ${held} held`)
})
