// proxy-behaviours G: a WebSocket goes through every check, is a tunnel after the upstream's 101 and never before, and can be cut.
import { randomBytes } from 'node:crypto'
import { expect } from '@jest/globals'
import { checklist, responsesIn } from '../../support/checklist.ts'
import { field, type RawClient } from '../../support/raw-client.ts'
import { fieldOf, fieldsOf, OK, type Answer } from '../../support/raw-upstream.ts'
import { turns, until, useRig, type Rig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'
import { frame, handshake, SWITCH, TEXT, WEBSOCKET } from './websocket.ts'

const start = useRig()
const { line, counts } = checklist('proxy-behaviours G, upgrades')
const SESSION = { level: 'required', bind: [] } as const
const ROUTES = [
  { path: '/socket', methods: ['GET', 'POST'] },
  { path: '/locked' },
  { path: '/session', session: SESSION },
  { path: '/limited', throttle: { requests: { count: 1, periodMs: 60_000 } } },
  { path: '/strict', audit: 'strict' },
  { path: '/events', session: SESSION },
] as const
const switching: Answer = () => SWITCH

/** What the upstream got behind the handshake's head, on its last connection. */
function tunnelled({ upstream }: Rig): Buffer {
  const bytes = upstream.connections.at(-1)?.bytes ?? Buffer.alloc(0)
  return bytes.subarray(bytes.indexOf('\r\n\r\n') + 4)
}

async function open(rig: Rig, target = '/socket', fields: Readonly<Record<string, string>> = {}): Promise<RawClient> {
  const client = await rig.plane.connect()
  client.write(handshake(target, fields))
  expect((await client.response()).status).toBe(101)
  return client
}

line(69, 'locks, sessions, throttles and the trail judge an upgrade as any request: no 101, no byte on', async () => {
  const rig = await start({ routes: ROUTES }, switching)
  const { plane, upstream } = rig
  plane.lock({ routes: ['locked'] })
  ;(await open(rig, '/limited')).close()
  const seen = upstream.seen
  for (const [target, status] of [
    ['/locked', 503],
    ['/session', 401],
    ['/limited', 429],
    ['/nowhere', 404],
    ['/socket/../locked', 400],
  ] as const) {
    const client = await plane.connect()
    client.write(handshake(target))
    expect([target, (await client.response()).status]).toEqual([target, status])
    client.write(TEXT)
    client.write(request('GET', '/socket'))
    await client.ended
    expect(responsesIn(client.received)).toBe(1)
  }
  expect(upstream.seen).toBe(seen)
  // On a strict route nothing goes on before the decision is durable.
  plane.trail.mode = 'hold'
  const client = await plane.connect()
  client.write(handshake('/strict'))
  await plane.trail.waitedFor(1)
  await turns()
  expect([upstream.seen, client.received.length]).toEqual([seen, 0])
  plane.trail.mode = 'sync'
  plane.trail.release()
  expect((await client.response()).status).toBe(101)
})

line(70, 'only GET with Upgrade: websocket and Connection: upgrade switches; h2c and the rest never do', async () => {
  const h2c = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABkAAQAAP__' }
  const { Connection: _option, ...unasked } = WEBSOCKET
  const { 'Sec-WebSocket-Key': _key, ...keyless } = WEBSOCKET
  for (const [name, head] of [
    ['h2c', request('GET', '/socket', h2c)],
    ['foo', request('GET', '/socket', { ...WEBSOCKET, Upgrade: 'foo' })],
    ['two protocols', request('GET', '/socket', { ...WEBSOCKET, Upgrade: 'websocket, h2c' })],
    ['a version of it', request('GET', '/socket', { ...WEBSOCKET, Upgrade: 'websocket/13' })],
    ['no Connection', request('GET', '/socket', unasked)],
    ['Connection: close', request('GET', '/socket', { ...WEBSOCKET, Connection: 'close' })],
    ['no key', request('GET', '/socket', keyless)],
    ['another version', request('GET', '/socket', { ...WEBSOCKET, 'Sec-WebSocket-Version': '8' })],
    ['HTTP/1.0', handshake('/socket').replace('HTTP/1.1', 'HTTP/1.0')],
    ['POST', request('POST', '/socket', { ...WEBSOCKET, 'Content-Length': '4' }, 'four')],
    ['a body', handshake('/socket', { 'Content-Length': '4' }, 'four')],
  ] as const) {
    const { plane, upstream } = await start({ routes: ROUTES }, switching)
    const client = await plane.connect()
    client.write(head)
    const { status } = await client.response()
    // Refused; or asked without the upgrade, and then a 101 is no answer.
    expect({ name, status, is: [400, 426, 502].includes(status) }).toMatchObject({ name, is: true })
    for (const asked of upstream.requests) {
      expect([name, fieldsOf(asked, 'upgrade'), fieldsOf(asked, 'http2-settings')]).toEqual([name, [], []])
      expect(fieldOf(asked, 'connection') ?? '').not.toMatch(/upgrade|settings/i)
    }
    await turns()
    expect([name, client.received.includes('101')]).toEqual([name, false])
  }
})

line(71, 'an upgrade that the upstream refuses is an answer; what follows is judged, not tunnelled', async () => {
  for (const status of [200, 403, 426, 503]) {
    const rig = await start({ routes: ROUTES }, () => `HTTP/1.1 ${status} X\r\nContent-Length: 2\r\n\r\nno`)
    const { plane, upstream } = rig
    plane.lock({ routes: ['locked'] })
    const client = await plane.connect()
    client.write(handshake('/socket'))
    const answer = await client.response()
    expect([answer.status, answer.body.toString()]).toEqual([status, 'no'])
    client.write(request('GET', '/locked'))
    await client.atLeast(client.received.length + 1)
    if (client.isOpen) expect((await client.response()).status).toBe(503)
    // Bytes that came with the handshake are no tunnel's either.
    const eager = await plane.connect()
    eager.write(Buffer.concat([Buffer.from(handshake('/socket')), TEXT, Buffer.from(request('GET', '/locked'))]))
    expect((await eager.response()).status).toBe(status)
    await turns()
    for (const { bytes } of upstream.connections) expect(bytes.toString('latin1')).not.toMatch(/locked|\r\n\r\n[^G]/)
  }
  // A 101 to another protocol, or to none, is no answer to this.
  for (const head of [
    'Upgrade: h2c\r\nConnection: Upgrade\r\n',
    'Upgrade: websocket\r\n',
    'Connection: Upgrade\r\n',
    '',
  ]) {
    const { plane } = await start({ routes: ROUTES }, () => `HTTP/1.1 101 Switching Protocols\r\n${head}\r\npoison`)
    const client = await plane.connect()
    client.write(handshake('/socket'))
    expect([head, (await client.response()).status]).toEqual([head, 502])
    expect(client.received.includes('poison')).toBe(false)
  }
})

line(72, 'bytes sent with the handshake reach the upstream once, in order, after its 101 and not before', async () => {
  const rig = await start({ routes: ROUTES }, () => undefined)
  const client = await rig.plane.connect()
  client.write(Buffer.concat([Buffer.from(handshake('/socket', { Host: 'api.example.in' })), TEXT]))
  await rig.upstream.requested(1)
  client.write(TEXT)
  await turns()
  expect([tunnelled(rig).length, client.received.length]).toEqual([0, 0])
  const [asked] = rig.upstream.requests
  expect(fieldOf(asked, 'upgrade')?.toLowerCase()).toBe('websocket')
  expect(fieldOf(asked, 'connection')?.toLowerCase()).toBe('upgrade')
  expect(fieldOf(asked, 'sec-websocket-key')).toBe(WEBSOCKET['Sec-WebSocket-Key'])
  expect([fieldOf(asked, 'host'), fieldOf(asked, 'x-forwarded-host')]).toEqual([
    `127.0.0.1:${rig.upstream.port}`,
    'api.example.in',
  ])
  // The upstream's own first bytes come with its 101.
  const greeting = frame(1, Buffer.from('welcome'))
  rig.upstream.connections[0]?.socket.write(Buffer.concat([Buffer.from(SWITCH), greeting]))
  const answer = await client.response()
  expect([answer.status, field(answer, 'sec-websocket-accept')]).toEqual([101, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
  expect([field(answer, 'upgrade')?.toLowerCase(), field(answer, 'connection')?.toLowerCase()]).toEqual([
    'websocket',
    'upgrade',
  ])
  await until(() => tunnelled(rig).length >= 2 * TEXT.length)
  await client.until('welcome')
  await turns()
  expect(tunnelled(rig).equals(Buffer.concat([TEXT, TEXT]))).toBe(true)
  expect(client.received.subarray(-greeting.length).equals(greeting)).toBe(true)
})

line(73, 'either side closing or failing, before, during or after the handshake, ends the other side', async () => {
  const rig = await start({ routes: ROUTES }, () => undefined)
  const { plane, upstream } = rig
  for (const leave of ['close', 'reset'] as const) {
    const go = (client: RawClient): void => void (leave === 'close' ? client.close() : client.socket.resetAndDestroy())
    upstream.answer = () => undefined
    const before = await plane.connect()
    before.write(handshake('/socket'))
    const count = upstream.requests.length
    await upstream.requested(count + 1)
    go(before)
    await upstream.connections.at(-1)?.closed
    upstream.answer = switching
    const after = await open(rig)
    go(after)
    await upstream.connections.at(-1)?.closed
  }
  for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
    upstream.answer = (_seen, { socket }) => void socket[end]()
    const refused = await plane.connect()
    refused.write(handshake('/socket'))
    expect((await refused.response()).status).toBe(502)
    upstream.answer = (_seen, { socket }) => void socket.write('HTTP/1.1 101 Swi', () => socket[end]())
    const half = await plane.connect()
    half.write(handshake('/socket'))
    expect((await half.response()).status).toBe(502)
    upstream.answer = switching
    const opened = await open(rig)
    upstream.connections.at(-1)?.socket[end]()
    await opened.ended
  }
  await until(() => plane.gateway.inFlight.size === 0)
  upstream.answer = () => OK
  expect((await plane.ask(request('GET', '/socket'))).status).toBe(200)
  expect(plane.errors).toEqual([])
})

line(74, 'large messages, fragments, ping, pong and close codes pass byte for byte, both ways', async () => {
  const rig = await start({ routes: ROUTES }, switching)
  const client = await open(rig)
  const at = client.received.length
  const mask = Buffer.from([9, 8, 7, 6])
  const large = randomBytes(1_000_000)
  const frames = (masked: { mask?: Buffer }): Buffer =>
    Buffer.concat([
      frame(2, large, masked),
      frame(1, large.subarray(0, 70_000), { ...masked, fin: false }),
      frame(9, Buffer.from('ping'), masked),
      frame(0, large.subarray(0, 300), { ...masked, fin: false }),
      frame(0, Buffer.alloc(0), masked),
      frame(10, Buffer.from('ping'), masked),
      frame(1, Buffer.from('GET /locked HTTP/1.1\r\nHost: a\r\n\r\n'), masked),
      frame(8, Buffer.from([0x0f, 0xa7, 0x62, 0x79, 0x65]), masked),
    ])
  const [up, down] = [frames({ mask }), frames({})]
  for (let cut = 0; cut < up.length; cut += 99_991) client.write(up.subarray(cut, cut + 99_991))
  await until(() => tunnelled(rig).length >= up.length)
  expect(tunnelled(rig).equals(up)).toBe(true)
  rig.upstream.connections[0]?.socket.write(down)
  await client.atLeast(at + down.length)
  expect(client.received.subarray(at).equals(down)).toBe(true)
  client.close()
  await until(() => rig.plane.settled.length === 1)
  expect(rig.plane.trail.requests.at(-1)).toMatchObject({
    phase: 'outcome',
    status: 101,
    bytes: down.length,
    received: up.length,
  })
})

line(75, 'a revocation or a lock cuts sockets and events; an expiry ends nothing that is open', async () => {
  for (const target of ['/session', '/events']) {
    for (const cause of ['revoke', 'lock', 'expire'] as const) {
      const events = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n'
      const rig = await start({ routes: ROUTES }, target === '/events' ? () => events : switching)
      const { plane, upstream } = rig
      const fields = { Authorization: `Bearer ${plane.token({ expiresAt: plane.clock.now() + 60_000 })}` }
      const client = await plane.connect()
      client.write(target === '/events' ? request('GET', target, fields) : handshake(target, fields))
      await client.until(target === '/events' ? 'data: one' : '\r\n\r\n')
      if (cause === 'revoke') plane.revoke({})
      else if (cause === 'lock') plane.lock({ all: true })
      else plane.clock.advance(120_000)
      upstream.connections[0]?.socket.write('data: two\n\n')
      if (cause === 'expire') {
        // Judged when it was opened; what is asked anew is judged anew.
        plane.renewLease()
        upstream.connections[0]?.socket.write('data: three\n\n')
        await client.until('data: three')
        expect((await plane.ask(request('GET', '/events', fields))).status).toBe(401)
        continue
      }
      await client.ended
      await upstream.connections[0]?.closed
      expect([target, cause, client.received.includes('two')]).toEqual([target, cause, false])
      // A close frame tells a WebSocket why (RFC 6455, 7.4: 1013, try again later).
      if (target === '/session') expect(client.received.subarray(-4)).toEqual(Buffer.from([0x88, 2, 0x03, 0xf5]))
      await until(() => plane.settled.length === 1)
      expect(plane.trail.requests.at(-1)).toMatchObject({ phase: 'outcome', reason: 'severed' })
    }
  }
})

counts()
