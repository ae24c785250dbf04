// Bodies of a gibibyte through a real gateway process, in bounded memory; and how soon one side hears of the other.
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startGateway, type GatewayProcess } from '../support/gateway-process.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB
/**
 * What a gateway may need beyond what it had when it was ready, whatever the size of the body: V8 collects buffers when 64 MiB
 * of them have gathered, and the rest is the code that has been compiled by then.
 */
const GROWTH_MAX = 96 * MIB
/** What may lie in the kernel's buffers of four sockets, and in the gateway's own: beyond it somebody is told to wait. */
const ON_THE_WAY_MAX = 32 * MIB
const ABORT_MS = 50
const TRIES = 9

const ROUTES = `
  - { id: download, path: "/download", methods: [GET], upstream: registry, session: none }
  - { id: upload, path: "/upload", methods: [POST], upstream: registry, session: none }
  - { id: small, path: "/small", methods: [GET], upstream: registry, session: none, audit: best-effort }
`

/** The connection has been read by the test itself and is good for no further request. */
const CREATED = 'HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

/** A connection of the gateway to the upstream, its request's head read. */
interface Asked {
  readonly socket: net.Socket
  readonly head: string
  /** The first bytes of the body, as far as they came with the head. */
  readonly rest: Buffer
}

let gateway: GatewayProcess
let server: net.Server
let answer: (asked: Asked) => void = () => undefined
const sockets = new Set<net.Socket>()

beforeAll(async () => {
  server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    readHeads(socket, (head, rest) => {
      if (head.startsWith('GET /small ')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')
      else answer({ socket, head, rest })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  gateway = await startGateway({ upstreamPort: port, routes: ROUTES, gatewayExtra: ', limits: { bodyBytes: 2GiB }' })
})

afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await gateway.cleanUp()
  await new Promise((resolve) => server.close(resolve))
})

/** Calls `onHead` with each head; while a body is read by somebody else (`on('data')` of its own), this one is silent. */
function readHeads(socket: net.Socket, onHead: (head: string, rest: Buffer) => void): void {
  let bytes = Buffer.alloc(0)
  const read = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk])
    const end = bytes.indexOf('\r\n\r\n')
    if (end === -1) return
    const head = bytes.toString('latin1', 0, end)
    const rest = bytes.subarray(end + 4)
    bytes = Buffer.alloc(0)
    if (!head.startsWith('GET ')) socket.removeListener('data', read)
    onHead(head, rest)
  }
  socket.on('data', read)
}

async function call(head: string): Promise<net.Socket> {
  const socket = net.connect({ port: gateway.port, host: '127.0.0.1', noDelay: true })
  sockets.add(socket)
  socket.on('error', () => undefined)
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  socket.write(head)
  return socket
}

const download = (): Promise<net.Socket> => call('GET /download HTTP/1.1\r\nHost: a\r\n\r\n')
const upload = (length: number): Promise<net.Socket> =>
  call(`POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`)

/** The next request that is not for `/small`. */
function asked(): Promise<Asked> {
  return new Promise((resolve) => {
    answer = resolve
  })
}

/** Writes so many bytes as fast as they are taken, each mebibyte beginning with its own number. */
function pour(socket: net.Socket, total: number): { readonly accepted: number; readonly over: Promise<void> } {
  const poured = { accepted: 0, over: Promise.resolve() }
  poured.over = new Promise<void>((resolve) => {
    let next = 0
    const step = (): void => {
      if (poured.accepted === total) resolve()
      if (next === total || socket.destroyed) return
      const chunk = Buffer.alloc(MIB)
      chunk.writeUInt32BE(next / MIB)
      next += MIB
      socket.write(chunk, (error) => {
        if (error) return
        poured.accepted += MIB
        step()
      })
    }
    // Two on their way, so that the kernel never waits for us.
    step()
    step()
  })
  return poured
}

/** Counts bytes and reads the number of each mebibyte; resolves with the count when all have come. */
function drink(socket: net.Socket, total: number, first: Buffer = Buffer.alloc(0)): Promise<number> {
  return new Promise((resolve, reject) => {
    let count = 0
    let stamp = Buffer.alloc(0)
    const take = (chunk: Buffer): void => {
      for (let at = 0; at < chunk.length;) {
        const within = count % MIB
        const length = Math.min(chunk.length - at, (within < 4 ? 4 : MIB) - within)
        if (within < 4) {
          stamp = Buffer.concat([stamp, chunk.subarray(at, at + length)])
          if (stamp.length === 4) {
            if (stamp.readUInt32BE() !== Math.floor(count / MIB))
              reject(new Error(`mebibyte ${stamp.readUInt32BE()} stands at ${count}`))
            stamp = Buffer.alloc(0)
          }
        }
        at += length
        count += length
      }
      if (count >= total) resolve(count)
    }
    take(first)
    socket.on('data', take)
    socket.once('close', () => {
      reject(new Error(`the connection ended after ${count} bytes`))
    })
    socket.resume()
  })
}

/** The body of the answer begins: what has come with its head is given back. */
function headOf(socket: net.Socket): Promise<{ readonly head: string; readonly rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0)
    const read = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      const end = bytes.indexOf('\r\n\r\n')
      if (end === -1) return
      socket.removeListener('data', read)
      socket.pause()
      resolve({ head: bytes.toString('latin1', 0, end), rest: bytes.subarray(end + 4) })
    }
    socket.on('data', read)
    socket.once('close', () => {
      reject(new Error('the connection ended before an answer'))
    })
  })
}

function resident(): number {
  const status = readFileSync(`/proc/${gateway.child().pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

/** The greatest growth of the gateway's memory, looked at twenty times a second while `work` goes on. */
async function growthDuring(work: () => Promise<void>): Promise<number> {
  const before = resident()
  let most = before
  const look = (): void => {
    most = Math.max(most, resident())
  }
  const timer = setInterval(look, 50)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  look()
  return most - before
}

/** So many exchanges, one after the other, through the same worker: what could move by then has moved. */
async function exchanges(count: number): Promise<void> {
  for (let each = 0; each < count; each++) expect((await gateway.get('/small')).status).toBe(200)
}

/** Resolves once `count` has stood still for a while that is told by exchanges, not by a clock. */
async function standsStill(count: () => number): Promise<number> {
  for (;;) {
    const before = count()
    await exchanges(40)
    if (count() === before) return before
  }
}

const inMemory = process.platform === 'linux' ? test : test.skip
const NO_PROC = process.platform === 'linux' ? '' : ' (SKIPPED: there is no /proc to look at memory)'

describe('a gibibyte', () => {
  inMemory(`down, in bounded memory${NO_PROC}`, async () => {
    const growth = await growthDuring(async () => {
      const upstream = asked()
      const caller = await download()
      const { socket } = await upstream
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${GIB}\r\n\r\n`)
      const poured = pour(socket, GIB)
      const { rest } = await headOf(caller)
      expect(await drink(caller, GIB, rest)).toBe(GIB)
      await poured.over
      caller.destroy()
    })
    expect(growth).toBeLessThan(GROWTH_MAX)
  })

  inMemory(`up, in bounded memory${NO_PROC}`, async () => {
    const growth = await growthDuring(async () => {
      const upstream = asked()
      const caller = await upload(GIB)
      const poured = pour(caller, GIB)
      const { socket, rest } = await upstream
      expect(await drink(socket, GIB, rest)).toBe(GIB)
      await poured.over
      socket.end(CREATED)
      expect((await headOf(caller)).head).toMatch(/^HTTP\/1\.1 201 /)
      caller.destroy()
    })
    expect(growth).toBeLessThan(GROWTH_MAX)
  })
})

describe('whoever is slow makes the other side wait', () => {
  test('a slow reader: the upstream is not read beyond a bound, and then to the end', async () => {
    const upstream = asked()
    const caller = await download()
    const { socket } = await upstream
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${128 * MIB}\r\n\r\n`)
    const poured = pour(socket, 128 * MIB)
    const { rest } = await headOf(caller)
    expect(await standsStill(() => poured.accepted)).toBeLessThan(ON_THE_WAY_MAX)
    expect(await drink(caller, 128 * MIB, rest)).toBe(128 * MIB)
    caller.destroy()
  })

  test('a slow upstream: the caller is not read beyond a bound, and then to the end', async () => {
    const upstream = asked()
    const caller = await upload(128 * MIB)
    const poured = pour(caller, 128 * MIB)
    const { socket, rest } = await upstream
    socket.pause()
    expect(await standsStill(() => poured.accepted)).toBeLessThan(ON_THE_WAY_MAX)
    expect(await drink(socket, 128 * MIB, rest)).toBe(128 * MIB)
    socket.end(CREATED)
    expect((await headOf(caller)).head).toMatch(/^HTTP\/1\.1 201 /)
    caller.destroy()
  })
})

test.each([
  ['chunked', 'Transfer-Encoding: chunked\r\n', (event: string) => `${event.length.toString(16)}\r\n${event}\r\n`],
  ['until the connection ends', 'Connection: close\r\n', (event: string) => event],
])('events of a stream (%s) arrive each before the next is sent', async (_name, fields, frame) => {
  const upstream = asked()
  const caller = await download()
  const { socket } = await upstream
  socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${fields}\r\n`)
  // The head leaves without any event.
  const { rest } = await headOf(caller)
  let received = rest.toString('latin1')
  let wake = (): void => undefined
  caller.on('data', (chunk) => {
    received += (chunk as Buffer).toString('latin1')
    wake()
  })
  caller.resume()
  for (let event = 0; event < 50; event++) {
    const arrived = new Promise<void>((resolve) => {
      wake = () => {
        if (received.includes(`data: ${event}.\n`)) resolve()
      }
    })
    socket.write(frame(`data: ${event}.\n\n`))
    await arrived
  }
  caller.destroy()
  await new Promise((resolve) => socket.once('close', resolve))
})

test('an answer that comes before the body has been sent reaches the caller at once', async () => {
  const upstream = asked()
  const caller = await upload(8 * MIB)
  caller.write(Buffer.alloc(MIB))
  const { socket } = await upstream
  socket.write('HTTP/1.1 422 Unprocessable Content\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}')
  const { head } = await headOf(caller)
  expect(head).toMatch(/^HTTP\/1\.1 422 /)
  // What follows has no known beginning any more.
  expect(head).toMatch(/^connection: close$/im)
  caller.destroy()
})

describe(`an abort of one side reaches the other within ${ABORT_MS} ms, at the median of ${TRIES} tries`, () => {
  const ended = (socket: net.Socket): Promise<number> =>
    new Promise((resolve) => {
      socket.once('close', () => {
        resolve(performance.now())
      })
      socket.resume()
    })

  async function median(once: () => Promise<number>): Promise<number> {
    const times: number[] = []
    for (let tries = 0; tries < TRIES; tries++) times.push(await once())
    return times.sort((a, b) => a - b)[TRIES >> 1] ?? Infinity
  }

  const halfDown = async () => {
    const upstream = asked()
    const caller = await download()
    const { socket } = await upstream
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${MIB}\r\n\r\nhalf`)
    await headOf(caller)
    caller.resume()
    return { caller, socket }
  }
  const halfUp = async () => {
    const upstream = asked()
    const caller = await upload(MIB)
    caller.write('half')
    const { socket } = await upstream
    return { caller, socket }
  }

  test.each([
    ['the caller resets a download', halfDown, 'caller', true],
    ['the caller closes a download', halfDown, 'caller', false],
    ['the caller resets an upload', halfUp, 'caller', true],
    ['the caller closes an upload', halfUp, 'caller', false],
    ['the upstream resets a download', halfDown, 'socket', true],
    ['the upstream closes a download', halfDown, 'socket', false],
  ] as const)('%s', async (_name, begin, who, resets) => {
    const took = await median(async () => {
      const both = await begin()
      const [leaves, hears] = who === 'caller' ? [both.caller, both.socket] : [both.socket, both.caller]
      const heard = ended(hears)
      const at = performance.now()
      if (resets) leaves.resetAndDestroy()
      else leaves.destroy()
      return (await heard) - at
    })
    expect(took).toBeLessThan(ABORT_MS)
  })
})
