// WebSockets of the ws package through a real gateway process: every kind of message both ways, every check, and the cut.
import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { WebSocket, WebSocketServer } from 'ws'
import { readTrail } from '../../src/audit/reader.ts'
import { countCoreWaits } from '../support/core-waits.ts'
import { eventually, LOCK_ALL, signOrder, startGateway, type GatewayProcess } from '../support/gateway-process.ts'

const MIB = 1024 * 1024
/** Looks in a row, 20 ms apart, at which nothing has moved. */
const LOOKS = 15
const ROUTES = `
  - { id: socket, path: /socket, methods: [GET], upstream: registry, session: none, audit: strict }
  - { id: session, path: /session, methods: [GET], upstream: registry, session: required, audit: strict }
`

let gateway: GatewayProcess
let server: WebSocketServer
/** As the upstream sees them, in the order in which they came. */
let accepted: WebSocket[] = []

afterEach(async () => {
  await gateway.cleanUp()
  for (const socket of accepted) socket.terminate()
  await new Promise((resolve) => server.close(resolve))
})

interface StartOptions {
  readonly workers?: number
  readonly verifyClient?: (info: { req: IncomingMessage }) => boolean
}

async function start({ workers = 1, verifyClient }: StartOptions = {}): Promise<void> {
  accepted = []
  server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    perMessageDeflate: true,
    ...(verifyClient === undefined ? {} : { verifyClient }),
  })
  server.on('connection', (socket) => {
    accepted.push(socket)
    socket.on('error', () => undefined)
  })
  await new Promise((resolve) => server.once('listening', resolve))
  gateway = await startGateway({ upstreamPort: (server.address() as AddressInfo).port, routes: ROUTES, workers })
}

interface Closed {
  readonly code: number
  readonly reason: string
  readonly at: number
}

interface Opened {
  readonly socket: WebSocket
  /** The other end. */
  readonly upstream: WebSocket
  readonly closed: Promise<Closed>
}

function closeOf(socket: WebSocket): Promise<Closed> {
  return new Promise((resolve) => {
    socket.once('close', (code, reason) => {
      resolve({ code, reason: reason.toString(), at: performance.now() })
    })
  })
}

function connect(target = '/socket', token?: string): WebSocket {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}${target}`, { headers })
  socket.on('error', () => undefined)
  return socket
}

/** One after the other, so that both ends are known. */
async function open(target = '/socket', token?: string): Promise<Opened> {
  const count = accepted.length
  const socket = connect(target, token)
  const closed = closeOf(socket)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('close', reject))
  const upstream = accepted[count]
  if (upstream === undefined) throw new Error('the upstream has seen nobody')
  return { socket, upstream, closed }
}

/** The status and body of a handshake that is refused. */
function refusalOf(socket: WebSocket): Promise<{ status: number; body: string; fields: IncomingMessage['headers'] }> {
  return new Promise((resolve, reject) => {
    socket.once('open', () => reject(new Error('it was opened')))
    socket.once('unexpected-response', (_request, answer) => {
      let body = ''
      answer.on('data', (chunk: Buffer) => (body += chunk.toString()))
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, body, fields: answer.headers })
      })
    })
  })
}

interface Message {
  readonly data: Buffer
  readonly isBinary: boolean
}

/** The next so many messages. */
function messages(socket: WebSocket, count: number): Promise<readonly Message[]> {
  return new Promise((resolve) => {
    const got: Message[] = []
    const take = (data: WebSocket.RawData, isBinary: boolean): void => {
      got.push({ data: data as Buffer, isBinary })
      if (got.length < count) return
      socket.removeListener('message', take)
      resolve(got)
    }
    socket.on('message', take)
  })
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

interface TrailRecord {
  readonly phase?: string
  readonly route?: string
  readonly reason?: string
  readonly lock?: string
  readonly status?: number
  readonly bytes?: number
  readonly received?: number
}

/** Outcomes of the sockets, once the trail holds so many. */
async function outcomes(count: number): Promise<readonly TrailRecord[]> {
  let found: TrailRecord[] = []
  await eventually(async () => {
    found = []
    for await (const [, entry] of readTrail(path.join(gateway.home, 'data/audit'))) {
      const record = JSON.parse(entry.toString()) as TrailRecord
      if (record.phase === 'outcome' && record.status === 101) found.push(record)
    }
    return found.length >= count
  })
  return found
}

describe('what is said passes', () => {
  test('text, binary, fragments, ping and pong, in both directions', async () => {
    await start()
    const { socket, upstream } = await open()
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      const arrived = messages(to, 5)
      from.send('नमस्ते')
      from.send(Buffer.from([0, 1, 2, 255]))
      from.send('')
      from.send('in ', { fin: false })
      from.send('three ', { fin: false })
      const pinged = new Promise<string>((resolve) => to.once('ping', (data) => resolve(data.toString())))
      const ponged = new Promise<string>((resolve) => from.once('pong', (data) => resolve(data.toString())))
      // A control frame may stand between the fragments of a message (RFC 6455, 5.4).
      from.ping('are you there')
      from.send('parts', { fin: true })
      from.send(Buffer.alloc(70_000, 'x'), { compress: false })
      expect(
        (await arrived).map(({ data, isBinary }) => [data.toString('latin1').slice(0, 20), data.length, isBinary]),
      ).toEqual([
        [Buffer.from('नमस्ते').toString('latin1').slice(0, 20), 18, false],
        ['\0\x01\x02\xff', 4, true],
        ['', 0, false],
        ['in three parts', 14, false],
        ['x'.repeat(20), 70_000, true],
      ])
      expect([await pinged, await ponged]).toEqual(['are you there', 'are you there'])
    }
  })

  test('close codes and reasons, from either side', async () => {
    await start()
    const byCaller = await open()
    const heard = closeOf(byCaller.upstream)
    byCaller.socket.close(4001, 'the caller is done')
    expect(await heard).toMatchObject({ code: 4001, reason: 'the caller is done' })
    expect(await byCaller.closed).toMatchObject({ code: 4001 })
    const byUpstream = await open()
    byUpstream.upstream.close(4002, 'the upstream is done')
    expect(await byUpstream.closed).toMatchObject({ code: 4002, reason: 'the upstream is done' })
    const failing = await open()
    failing.upstream.terminate()
    expect(await failing.closed).toMatchObject({ code: 1006 })
    const gone = await open()
    const noticed = closeOf(gone.upstream)
    gone.socket.terminate()
    expect(await noticed).toMatchObject({ code: 1006 })
    expect((await outcomes(4)).map(({ route }) => route)).toEqual(['socket', 'socket', 'socket', 'socket'])
  })

  test('messages of 1 MiB, whole and in order, and a reader who does not read holds the sender up', async () => {
    await start()
    const { socket, upstream } = await open()
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      const sent = Array.from({ length: 48 }, () => randomBytes(MIB))
      const arrived = messages(to, sent.length)
      to.pause()
      for (const message of sent) from.send(message, { compress: false })
      // The kernels hold some megabytes, the gateway its buffers: the rest stays where it was sent.
      let before = -1
      let looks = 0
      const rested = await eventually(() => {
        looks = from.bufferedAmount === before ? looks + 1 : 0
        before = from.bufferedAmount
        return Promise.resolve(looks > LOOKS)
      })
      expect(rested).toBe(true)
      expect(from.bufferedAmount).toBeGreaterThan(16 * MIB)
      to.resume()
      expect((await arrived).map(({ data }) => digest(data))).toEqual(sent.map(digest))
    }
  })
})

describe('a handshake', () => {
  test('that the upstream refuses is its plain answer, and what follows is no tunnel', async () => {
    await start({ verifyClient: () => false })
    const { status, body, fields } = await refusalOf(connect())
    expect([status, body, fields['content-type']]).toEqual([401, 'Unauthorized', 'text/html'])
    expect(fields['x-request-id']).toMatch(/./)
  })

  test('where a session is required is refused without one, and the upstream hears nothing', async () => {
    let asked = 0
    await start({ verifyClient: () => (asked += 1) > 0 })
    const { status, fields } = await refusalOf(connect('/session'))
    expect([status, fields['www-authenticate']]).toEqual([401, expect.stringMatching(/^Bearer /)])
    expect((await refusalOf(connect('/session', `${gateway.issuer.token()}x`))).status).toBe(401)
    expect(asked).toBe(0)
    const { socket, upstream } = await open('/session', gateway.issuer.token())
    const echoed = messages(upstream, 1)
    socket.send('hello')
    expect((await echoed)[0]?.data.toString()).toBe('hello')
    expect(asked).toBe(1)
  })

  test('under a lock in mode read-only is refused, and what is open is cut', async () => {
    await start()
    const { closed } = await open()
    const [desk] = gateway.people
    if (desk === undefined) throw new Error('nobody is there')
    const ordered = await gateway.order(signOrder(desk, { ...LOCK_ALL, mode: 'read-only' }))
    expect(ordered.status).toBe(201)
    expect(await closed).toMatchObject({ code: 1013 })
    const { status, body } = await refusalOf(connect())
    expect([status, JSON.parse(body)]).toEqual([
      503,
      expect.objectContaining({ type: 'urn:portcullis:problem:locked' }),
    ])
    expect(accepted.length).toBe(1)
  })
})

test('a hundred at once answer; a freeze cuts all of them within 100 ms with close code 1013, and each is in the trail', async () => {
  await start({ workers: 2 })
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary, compress: false }))
  })
  const sockets = Array.from({ length: 100 }, () => connect())
  await Promise.all(
    sockets.map((socket) => new Promise((resolve, reject) => socket.once('open', resolve).once('close', reject))),
  )
  const answers = await Promise.all(
    sockets.map(async (socket, index) => {
      const echoed = messages(socket, 1)
      socket.send(`message ${index}`, { compress: false })
      return (await echoed)[0]?.data.toString()
    }),
  )
  expect(answers).toEqual(sockets.map((_socket, index) => `message ${index}`))
  const ends = Promise.all(sockets.map(closeOf))
  const upstreamEnds = Promise.all(accepted.map(closeOf))
  const [desk] = gateway.people
  if (desk === undefined) throw new Error('nobody is there')
  const ordered = await gateway.order(signOrder(desk, LOCK_ALL))
  const answeredAt = performance.now()
  const waits = countCoreWaits(gateway.child().pid)
  expect(ordered.status).toBe(201)
  const { id } = (await ordered.json()) as { id: string }
  const closed = await ends
  const latest = Math.max(...[...closed, ...(await upstreamEnds)].map(({ at }) => at))
  expect(latest - answeredAt - waits()).toBeLessThan(100)
  expect(closed.map(({ code }) => code)).toEqual(sockets.map(() => 1013))
  const records = await outcomes(100)
  expect(records.length).toBe(100)
  for (const [index, record] of records.entries()) {
    expect({ index, ...record }).toMatchObject({ index, route: 'socket', reason: 'severed', lock: id })
    // A frame's head has two bytes, the caller's four more of its mask.
    const { bytes = 0, received = 0 } = record
    expect([index, bytes >= 'message 0'.length + 2, received - bytes]).toEqual([index, true, 4])
  }
})
