// The listener over TLS: handshakes that fail or hang hold nothing, certificates change under open connections, a freeze resets.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { serverTlsOptions } from '../../src/adapters/node/tls-server.ts'
import { drain } from '../../src/gateway/server.ts'
import { countCoreWaits } from '../support/core-waits.ts'
import { createAuthority } from '../support/certificates.ts'
import { fieldOf } from '../support/raw-upstream.ts'
import { turns, until, useRig, type Rig } from '../support/rig.ts'
import { request } from '../support/start-data-plane.ts'
import { frame, handshake, SWITCH } from '../security/behaviours/websocket.ts'

const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-listener-'))
const authority = createAuthority(home)
const own = authority.issue('own')
const renewed = authority.issue('renewed')
const client = authority.issue('client')
const HANDSHAKE_MS = 5_000
const secure = serverTlsOptions(own, HANDSHAKE_MS)

const start = useRig()
const sockets: net.Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})
afterAll(() => {
  rmSync(home, { recursive: true, force: true })
})

const ROUTES = [{ path: '/open' }] as const
const GET = request('GET', '/open')

/** Bytes below TLS, which say nothing by themselves. */
async function connectBare(port: number): Promise<net.Socket> {
  const socket = net.connect({ port, host: '127.0.0.1' })
  sockets.push(socket)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** However it ended. */
function closed(socket: net.Socket): Promise<unknown> {
  return socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve))
}

async function connect(port: number, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const socket = tls.connect({ port, host: '127.0.0.1', ca: authority.cert, ALPNProtocols: ['http/1.1'], ...options })
  sockets.push(socket)
  await once(socket, 'secureConnect')
  socket.on('error', () => undefined)
  return socket
}

/** What comes until it holds the text, or the connection has ended. */
function read(socket: net.Socket, text: string): Promise<string> {
  return new Promise((resolve) => {
    let got = ''
    const end = (): void => {
      resolve(got)
    }
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1')
      if (got.includes(text)) end()
    })
    socket.once('close', end).once('end', end)
  })
}

async function ask(socket: net.Socket): Promise<string> {
  const answer = read(socket, '{"from":"real"}')
  socket.write(GET)
  return (await answer).slice(0, 'HTTP/1.1 200'.length)
}

test('HTTP/1.1 over TLS, agreed on by ALPN, and the upstream is told of https', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, secure, settings: { scheme: 'https' } })
  const socket = await connect(plane.port, { ALPNProtocols: ['h2', 'http/1.1'] })
  expect(socket.alpnProtocol).toBe('http/1.1')
  expect(await ask(socket)).toBe('HTTP/1.1 200')
  expect(fieldOf(upstream.requests[0], 'x-forwarded-proto')).toBe('https')
  expect(plane.trail.requests[0]).toMatchObject({ client: '127.0.0.1' })
  expect(await ask(socket)).toBe('HTTP/1.1 200')
})

test('a caller that ends its own direction still gets what a tunnel has for it', async () => {
  const { plane, upstream } = await start({ routes: ROUTES, secure }, (_request, connection) => {
    connection.socket.allowHalfOpen = true
    connection.socket.once('end', () => connection.socket.end(frame(1, Buffer.from('goodbye'))))
    return SWITCH
  })
  const socket = await connect(plane.port)
  const answer = read(socket, 'goodbye')
  socket.write(handshake('/open'))
  await upstream.requested(1)
  socket.end()
  expect(await answer).toContain('goodbye')
})

describe('a handshake', () => {
  test('that is none ends its connection, and its place is free again', async () => {
    const { plane } = await start({ routes: ROUTES, secure, limits: { connectionsPerAddressMax: 1 } })
    const bare = await connectBare(plane.port)
    bare.write(GET)
    await closed(bare)
    expect(await ask(await connect(plane.port))).toBe('HTTP/1.1 200')
    expect(plane.turnedAway).toEqual([])
  })

  test('that does not come in time ends its connection', async () => {
    const { plane } = await start({ routes: ROUTES, secure: serverTlsOptions(own, 100) })
    const bare = await connectBare(plane.port)
    await closed(bare)
  })

  test('counts for its address and the worker before it is over', async () => {
    for (const [limits, limit] of [
      [{ connectionsPerAddressMax: 2 }, 'address'],
      [{ connectionsMax: 2 }, 'worker'],
    ] as const) {
      const { plane } = await start({ routes: ROUTES, secure, limits })
      const held = [await connectBare(plane.port), await connectBare(plane.port)]
      const third = net.connect({ port: plane.port, host: '127.0.0.1' }).on('error', () => undefined)
      await closed(third)
      expect(plane.turnedAway).toEqual([limit])
      held[0]?.destroy()
      let answer = ''
      while (answer !== 'HTTP/1.1 200') answer = await connect(plane.port).then(ask, () => 'turned away')
    }
  })

  test('that is not over holds up no drain', async () => {
    const { plane } = await start({ routes: ROUTES, secure })
    const bare = await connectBare(plane.port)
    await turns()
    expect(await drain(plane.server, plane.gateway, new Promise(() => undefined))).toBe(true)
    await closed(bare)
  })
})

describe('certificates that are renewed', () => {
  test('are shown to the next, while who is connected is served on', async () => {
    const { plane } = await start({ routes: ROUTES, secure })
    const before = await connect(plane.port)
    expect(await ask(before)).toBe('HTTP/1.1 200')
    plane.server.renewCertificates(serverTlsOptions(renewed, HANDSHAKE_MS))
    const after = await connect(plane.port)
    expect([before, after].map((socket) => socket.getPeerCertificate().subject.CN)).toEqual(['own', 'renewed'])
    expect([await ask(before), await ask(after)]).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200'])
  })

  test('may begin and cease to ask every client for its own', async () => {
    const { plane, upstream } = await start({ routes: ROUTES, secure })
    plane.server.renewCertificates(serverTlsOptions({ ...own, ca: authority.cert }, HANDSHAKE_MS))
    const bare = await connect(plane.port)
    expect(await ask(bare)).toBe('')
    expect(upstream.requests.length).toBe(0)
    expect(await ask(await connect(plane.port, { cert: client.cert, key: client.key }))).toBe('HTTP/1.1 200')
    plane.server.renewCertificates(secure)
    expect(await ask(await connect(plane.port))).toBe('HTTP/1.1 200')
  })
})

/** A download of which the reader takes nothing more, with every buffer on the way full. */
async function stalled(rig: Rig): Promise<{ reader: tls.TLSSocket; taken: () => number }> {
  const accepted: tls.TLSSocket[] = []
  rig.plane.server.listener.once('secureConnection', (socket: tls.TLSSocket) => accepted.push(socket))
  const reader = await connect(rig.plane.port)
  let taken = 0
  reader.on('data', (chunk: Buffer) => (taken += chunk.length))
  reader.write(GET)
  await rig.upstream.requested(1)
  reader.pause()
  const socket = rig.upstream.connections[0]?.socket
  socket?.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * 1024 * 1024}\r\n\r\n`)
  const block = Buffer.alloc(1024 * 1024, 'x')
  const pump = (): void => {
    while (socket?.write(block) === true);
    socket?.once('drain', pump)
  }
  pump()
  await until(() => accepted[0]?.writableNeedDrain === true && (socket?.writableNeedDrain ?? false))
  await turns(200)
  return { reader, taken: () => taken }
}

test('a freeze resets a slow reader below TLS within 100 ms: nothing more leaves, though the kernel holds megabytes', async () => {
  const rig = await start({ routes: ROUTES, secure }, () => undefined)
  const { reader, taken } = await stalled(rig)
  const waits = countCoreWaits()
  const from = performance.now()
  const { id } = rig.plane.lock({ all: true })
  await rig.upstream.connections[0]?.closed
  // The reset itself, seen where TCP is: reading it off the socket would first take what had come.
  await until(() => rig.plane.server.connections === 0)
  expect(performance.now() - from - waits()).toBeLessThan(100)
  reader.resume()
  const [error] = (await once(reader, 'error').catch((thrown: unknown) => [thrown])) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNRESET')
  expect(taken()).toBeLessThan(1_500_000)
  await until(() => rig.plane.settled.length === 1)
  expect(rig.plane.trail.requests.at(-1)).toMatchObject({ decision: 'locked', reason: 'severed', lock: id })
})
