// The fuzzer's own readings, narrow as they are meant to be: on them everything else rests.
import { describe, expect, test } from '@jest/globals'
import { readAnswers } from './answer-reading.ts'
import { createDice } from './dice.ts'
import { createNodeReader } from './node-reading.ts'
import { readRequests, RequestReading, type ReadRequest } from './request-reading.ts'
import { shorten } from './shorten.ts'

const GET = 'GET /open HTTP/1.1\r\nHost: a\r\n'
const CHUNKED = `${GET}Transfer-Encoding: chunked\r\n\r\n`

function upstreamReads(
  text: string,
  step = text.length,
): { requests: readonly ReadRequest[]; fault: string | undefined } {
  const requests: ReadRequest[] = []
  const reading = new RequestReading('upstream', { onEnd: (request) => void requests.push(request) })
  const bytes = Buffer.from(text, 'latin1')
  for (let at = 0; at < bytes.length; at += step) reading.push(bytes.subarray(at, at + step))
  return { requests, fault: reading.fault }
}

describe('requests', () => {
  test.each([1, 2, 7, 1_000])('are read the same in pieces of %i', (step) => {
    const { requests, fault } = upstreamReads(
      `${CHUNKED}5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n${GET}Content-Length: 2\r\n\r\n{}${GET}\r\n`,
      step,
    )
    expect(fault).toBeUndefined()
    expect(requests.map(({ body }) => body.toString())).toEqual(['hello!', '{}', ''])
  })

  test.each([
    ['a bare LF', 'GET /open HTTP/1.1\nHost: a\r\n\r\n'],
    ['a bare LF at the end', `${GET}\n`],
    ['a bare CR', `${GET}A: b\rC: d\r\n\r\n`],
    ['a NUL', `${GET}A: \0\r\n\r\n`],
    ['an empty line ahead', `\r\n${GET}\r\n`],
    ['two blanks', 'GET  /open HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['HTTP/1.0', 'GET /open HTTP/1.0\r\nHost: a\r\n\r\n'],
    ['no version', 'GET /open\r\nHost: a\r\n\r\n'],
    ['a byte beyond ASCII in the target', 'GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a folded line', `${GET}A: b\r\n c\r\n\r\n`],
    ['a blank before the colon', `${GET}A : b\r\n\r\n`],
    ['no colon', `${GET}A\r\n\r\n`],
    ['two Hosts', `${GET}Host: a\r\n\r\n`],
    ['no Host', 'GET /open HTTP/1.1\r\n\r\n'],
    ['both framings', `${GET}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${GET}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`],
    ['a list of lengths', `${GET}Content-Length: 0, 0\r\n\r\n`],
    ['a signed length', `${GET}Content-Length: +1\r\n\r\n1`],
    ['another coding', `${GET}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['chunked twice', `${GET}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['an extension', `${CHUNKED}1;a\r\n!\r\n0\r\n\r\n`],
    ['a trailer', `${CHUNKED}0\r\nA: b\r\n\r\n`],
    ['a chunk size in hexadecimal by name', `${CHUNKED}0x1\r\n!\r\n0\r\n\r\n`],
    ['a chunk that is longer than it says', `${CHUNKED}1\r\n!!\r\n0\r\n\r\n`],
    ['a bare LF after chunk data', `${CHUNKED}1\r\n!\n0\r\n\r\n`],
  ])('an upstream does not take %s', (_name, text) => {
    expect(upstreamReads(text).fault).toBeDefined()
    expect(upstreamReads(text, 1).fault).toBe(upstreamReads(text).fault)
  })

  test('of a caller may have what a recipient is asked to take', () => {
    const { requests, fault } = readRequests(
      Buffer.from(`\r\nGET /a HTTP/1.0\r\n\r\n${CHUNKED}001;a="b"\r\n!\r\n0\r\nA: b\r\n\r\n`),
    )
    expect(fault).toBeUndefined()
    expect(requests.map(({ target, body, isComplete }) => [target, body.toString(), isComplete])).toEqual([
      ['/a', '', true],
      ['/open', '!', true],
    ])
  })
})

describe('answers', () => {
  const read = (text: string, ended = true) => readAnswers(Buffer.from(text, 'latin1'), () => false, { ended })

  test('one after the other, interim ones and a body until the end', () => {
    const { answers, interim, fault } = read(
      'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\nall',
    )
    expect(fault).toBeUndefined()
    expect(interim).toEqual([103])
    expect(answers.map(({ status, body, isComplete }) => [status, body.toString(), isComplete])).toEqual([
      [200, '{}', true],
      [204, '', true],
      [200, 'all', true],
    ])
  })

  test('a body until the end is whole only where the connection ended in order', () => {
    expect(read('HTTP/1.1 200 OK\r\n\r\nall', false).answers[0]?.isComplete).toBe(false)
  })

  test.each([
    'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n',
    'HTTP/1.1 100 Continue\r\nContent-Length: 1\r\n\r\n1',
  ])('%j is malformed', (text) => {
    expect(read(text).fault).toBeDefined()
  })
})

test("Node's readers tell of each request, and the strict one of what it does not take", async () => {
  const told: string[] = []
  for (const isLenient of [false, true]) {
    const reading = createNodeReader(isLenient).read({
      onRequest: (method, target, id) => void told.push(`${method} ${target} ${String(id)}`),
      onFault: (fault) => void told.push(fault),
    })
    reading.push(Buffer.from(`${GET}X-Request-Id: 1\r\n\r\n${CHUNKED}0\r\n\r\nGET /b HTTP/1.1\r\nHost: \x01\r\n\r\n`))
    for (let round = 0; round < 10; round++) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(told).toEqual([
    'GET /open 1',
    'GET /open undefined',
    'HPE_INVALID_HEADER_TOKEN',
    'GET /open 1',
    'GET /open undefined',
    'GET /b undefined',
  ])
})

test('one seed is one sequence of throws', () => {
  const throws = (seed: number) =>
    Array.from(
      { length: 5 },
      (
        (dice) => () =>
          dice.below(1_000)
      )(createDice(seed)),
    )
  expect(throws(7)).toEqual(throws(7))
  expect(throws(7)).not.toEqual(throws(8))
})

test('bytes are shortened to what breaks', async () => {
  const shortest = await shorten(Buffer.from('some bytes and a FAULT and others'), (bytes) =>
    Promise.resolve(bytes.includes('FAULT')),
  )
  expect(shortest?.toString()).toBe('FAULT')
})
