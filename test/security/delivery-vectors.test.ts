// Requests in pieces and in pipelines, over raw sockets: where a read ends and what stands behind changes nothing.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { connectRaw, type RawClient } from '../support/raw-client.ts'
import { readRequests } from '../support/raw-reader.ts'
import { turns } from '../support/rig.ts'
import { openVectorRig, type VectorRig } from '../support/raw-vectors.ts'
import { Tally } from '../support/raw-verdict.ts'
import { LIMITS } from '../support/start-data-plane.ts'

const tally = new Tally('delivery')
let rig: VectorRig
let client: RawClient

beforeAll(async () => {
  rig = await openVectorRig({ routes: [{ id: 'all', path: '/{rest*}', methods: ['GET', 'POST'] }] })
})

afterAll(async () => {
  await rig.close()
  tally.print()
})

const GET = 'GET /get?a=b HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n'
const SIZED = 'POST /sized HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nhello\r\n\r\nyou'
const CHUNKED =
  'POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a="b"\r\nhello\r\nB\r\n\r\n0\r\n\r\n you\r\n0\r\nX-B: c\r\n\r\n'
const LAST = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

type Seen = readonly (readonly [target: string, body: string])[]

/** Writes what it is given, each in a read of its own; what the upstream saw, and how often the caller was answered with 200. */
async function deliver(pieces: readonly string[]): Promise<{ readonly seen: Seen; readonly answered: number }> {
  const before = rig.upstream.requests.length
  const lengths = rig.upstream.connections.map(({ bytes }) => bytes.length)
  client = await connectRaw(rig.plane.port)
  for (const piece of pieces) {
    if (!client.isOpen) break
    client.write(piece)
    await turns(2)
  }
  await client.ended
  // Nothing but whole requests, however they came.
  const read = rig.upstream.connections.flatMap(({ bytes }, index) => {
    const { requests, end, left } = readRequests(bytes.subarray(lengths[index] ?? 0))
    expect([end, left]).toEqual([expect.stringMatching(/clean|closed/), 0])
    return requests
  })
  const seen = rig.upstream.requests.slice(before).map(({ target, body }) => [target, body.toString('latin1')] as const)
  expect(read.length).toBe(seen.length)
  return { seen, answered: client.received.toString('latin1').match(/HTTP\/1\.1 200 /g)?.length ?? 0 }
}

function dueOf(bytes: string): Seen {
  const { requests, end } = readRequests(Buffer.from(bytes, 'latin1'))
  // The last one asks for the end: nothing here waits for a connection that stays open.
  if (end !== 'closed') throw new Error(`not whole (${end}): ${JSON.stringify(bytes)}`)
  return requests.map(({ target, body }) => [target, body.toString('latin1')])
}

async function expectWhole(pieces: readonly string[]): Promise<void> {
  const all = dueOf(pieces.join(''))
  const found = await deliver(pieces)
  const right = { seen: all, answered: all.length }
  tally.take(JSON.stringify(found) === JSON.stringify(right) ? [] : [JSON.stringify(pieces)])
  expect([pieces, found]).toEqual([pieces, right])
}

describe('a pipeline', () => {
  test.each([2, 3, 5, 10, 20, 50])('of %i GETs in one write', async (count) => {
    const requests = Array.from({ length: count - 1 }, (_each, index) => GET.replace('/get', `/get/${index}`))
    await expectWhole([requests.join('') + LAST])
  })

  test.each([2, 3, 5, 10, 20, 50])('of %i requests of every kind in one write', async (count) => {
    const requests = Array.from({ length: count - 1 }, (_each, index) => [GET, SIZED, CHUNKED][index % 3] ?? '')
    await expectWhole([requests.join('') + LAST])
  })

  test('in reads of 1, 7, 64 and 1,000 bytes', async () => {
    const all = [GET, SIZED, CHUNKED, CHUNKED, SIZED, GET, CHUNKED, LAST].join('')
    for (const size of [1, 7, 64, 1_000]) await expectWhole(all.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [])
  })

  test('with an empty line between its requests', async () => {
    await expectWhole([`${GET}\r\n${SIZED}\r\n${CHUNKED}\r\n${LAST}`])
  })

  test('ends at a request that asks for the end', async () => {
    await expectWhole([GET + LAST + GET + SIZED])
    expect(client.received.toString('latin1').match(/HTTP\/1\.1 /g)?.length).toBe(2)
  })

  test('ends at HTTP/1.0', async () => {
    await expectWhole([`${GET}GET /old HTTP/1.0\r\n\r\n${GET}`])
  })

  test('ends at HTTP/1.0, though it asks to go on', async () => {
    await expectWhole([`GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n${LAST}`])
  })

  test.each([
    ['in its request line', 'GET /bad HTTP/1.1 \r\nHost: a\r\n\r\n'],
    ['in a field', 'GET /bad HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n'],
    ['in its framing', SIZED.replace('/sized', '/bad').replace('Host: a', 'Content-Length: 12\r\nHost: a')],
    ['in its body', CHUNKED.replace('/chunked', '/bad').replace('hello\r\n', 'hello\n')],
  ])('ends at an offence (%s), and what stands before it is served', async (_name, bad) => {
    const before = rig.plane.trail.requests.length
    const found = await rig.play(Buffer.from(GET + SIZED + bad + LAST, 'latin1'), 'alone', 'end')
    tally.take(found.requests.length === 2 ? [] : [bad])
    expect(found.requests.map(({ target }) => target)).toEqual(['/get?a=b', '/sized'])
    expect([found.strays, found.endedBy]).toEqual([[], 'gateway'])
    expect(found.statuses.map((status) => Math.floor(status / 100))).toEqual([2, 2, 4])
    const outcomes = rig.plane.trail.requests.slice(before).filter(({ phase }) => phase === 'outcome')
    expect(outcomes.map(({ decision }) => decision)).toEqual(['allow', 'allow', 'rejected'])
    expect(outcomes.at(-1)).toMatchObject({ reason: 'malformed-request' })
    expect(rig.plane.settled.at(-1)).toMatchObject({ decision: 'rejected', route: expect.stringMatching(/none|all/) })
  })
})

describe('a request in two pieces', () => {
  test.each([
    ['GET', GET],
    ['POST of known length', SIZED],
    ['POST in chunks', CHUNKED],
  ])('%s, cut at every byte', async (_name, bytes) => {
    for (let at = 1; at < bytes.length; at++) await expectWhole([bytes.slice(0, at), bytes.slice(at) + LAST])
  })

  test('and the same with another request in front of it', async () => {
    const bytes = SIZED + CHUNKED
    for (let at = SIZED.length - 4; at < bytes.length; at++)
      await expectWhole([bytes.slice(0, at), bytes.slice(at) + LAST])
  })

  test.each([
    ['NUL in a field', 'GET /bad HTTP/1.1\r\nHost: a\r\nX-A: b\x00c\r\n\r\n'],
    ['a bare LF in a field', 'GET /bad HTTP/1.1\r\nHost: a\r\nX-A: b\nX-B: c\r\n\r\n'],
    ['a bare CR in a field', 'GET /bad HTTP/1.1\r\nHost: a\r\nX-A: b\rX-B: c\r\n\r\n'],
    ['a folded line', 'GET /bad HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n'],
    [
      'both lengths',
      'POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['another version', 'GET /bad HTTP/2.0\r\nHost: a\r\n\r\n'],
    [
      'a bare LF behind a chunk',
      'POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\n0\r\n\r\n',
    ],
    [
      'a bare LF in an extension',
      'POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a\n\r\n{}\r\n0\r\n\r\n',
    ],
  ])('with %s, cut at every byte, is refused all the same', async (_name, bytes) => {
    const before = rig.upstream.requests.length
    for (let at = 1; at < bytes.length; at++) {
      const caller = await connectRaw(rig.plane.port)
      caller.write(bytes.slice(0, at))
      await turns(2)
      if (caller.isOpen) caller.write(bytes.slice(at) + LAST)
      await caller.ended
      const statuses = caller.received.toString('latin1').match(/HTTP\/1\.1 \d/g)
      tally.take(statuses?.length === 1 && statuses[0] === 'HTTP/1.1 4' ? [] : [bytes])
      expect([at, statuses]).toEqual([at, ['HTTP/1.1 4']])
    }
    expect(rig.upstream.requests.length).toBe(before)
  })
})

describe('a head', () => {
  test('of just what is allowed is taken, in any pieces; of more it is refused', async () => {
    const head = (size: number): string => {
      const plain = 'GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-A: \r\n\r\n'
      return plain.replace('X-A: ', `X-A: ${'b'.repeat(size - plain.length)}`)
    }
    const most = head(LIMITS.headerBytesMax - 200)
    for (const size of [100, 1_000, 10_000]) await expectWhole(most.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [])
    const over = head(LIMITS.headerBytesMax + 200)
    for (const size of [100, 1_000, 20_000]) {
      const { seen } = await deliver(over.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [])
      expect(seen).toEqual([])
      expect(client.received.toString('latin1')).toMatch(/^HTTP\/1\.1 431 /)
    }
  })
})
