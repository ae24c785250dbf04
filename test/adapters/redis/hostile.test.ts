// A Redis that whoever has broken into it has filled, and a server that only says it is one: nothing crashes, nothing grows.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import path from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { BODY_BYTES_MAX } from '../../../src/core/fleet-limits.ts'
import type { FleetStore } from '../../../src/ports/fleet-store.ts'
import { NODE_FLAGS } from '../../support/gateway-process.ts'
import { createListener, createLog, entriesOf, entry, openStore } from '../../support/fleet-stores.ts'
import { missingRedis, startRedis, type RedisServer } from '../../support/redis-server.ts'

const missing = missingRedis()
if (missing !== undefined) console.warn(`SKIPPED: ${missing}`)
const withRedis = missing === undefined ? test : test.skip
const PREFIX = 'portcullis:{fleet}:'

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

async function start(): Promise<{ redis: RedisServer; store: FleetStore; log: ReturnType<typeof createLog> }> {
  const redis = await startRedis()
  endings.push(() => redis.stop())
  const log = createLog()
  const store = openStore({ url: redis.url, fleet: 'fleet', gateway: 'one', logger: log })
  endings.push(() => store.close())
  return { redis, store, log }
}

function ask(store: FleetStore, cursor: string, wanted: readonly string[] = []): ReturnType<FleetStore['exchange']> {
  return store.exchange({ gateway: 'one', heartbeat: 'beat', cursor, wanted })
}

const LONG = 'x'.repeat(BODY_BYTES_MAX + 1)
const BAD: readonly (readonly [string, string])[] = [
  ['long', LONG],
  ['empty', ''],
  ['foreign', 'é\u202e'],
  ['an id with spaces', 'body'],
  ['n\u0000l', 'body'],
  ['i'.repeat(300), 'body'],
]

withRedis('of what is in the keys of the fleet, only what has the right shape is handed over', async () => {
  const { redis, store, log } = await start()
  const { cursor } = await store.snapshot()
  for (const [id, body] of BAD) {
    await redis.command('XADD', `${PREFIX}orders`, '*', 'id', id, 'body', body)
    for (const key of ['table', 'roster', 'beats', 'proofs:o']) await redis.command('HSET', PREFIX + key, id, body)
  }
  await redis.command('XADD', `${PREFIX}orders`, '*', 'something', 'else')
  await redis.command('SET', `${PREFIX}roster:version`, '7')
  for (const key of ['roster', 'proofs:o']) await redis.command('HSET', PREFIX + key, 'two', 'good')
  await store.append([entry(1)])
  const { entries, heartbeats } = await ask(store, cursor, ['long', 'empty', 'foreign', 'two'])
  expect(entries).toEqual([entry(1)])
  expect([...heartbeats.keys()]).toEqual(['one'])
  expect(await entriesOf(store)).toEqual([entry(1)])
  expect(Object.fromEntries(await store.roster())).toEqual({ two: 'good' })
  expect(Object.fromEntries(await store.proofs('o'))).toEqual({ two: 'good' })
  expect([...(await store.heartbeats()).keys()]).toEqual(['one'])
  expect(log.lines.some((line) => line.includes('"what":"entry"'))).toBe(true)
})

withRedis('keys of another type, a generation and a version that are none: one line each, and no crash', async () => {
  const { redis, store } = await start()
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    table: () => store.append([entry(1)]),
    orders: () => store.snapshot(),
    beats: () => ask(store, ''),
    roster: () => store.roster(),
    'proofs:o': () => store.proofs('o'),
  }
  for (const [key, call] of Object.entries(calls)) {
    await redis.command('DEL', PREFIX + key)
    await redis.command('SET', PREFIX + key, 'a string')
    await expect(call()).rejects.toThrow(/^WRONGTYPE [^\n]{1,299}$/)
    await redis.command('DEL', PREFIX + key)
  }
  for (const [key, value] of [
    ['generation', 'é'],
    ['generation', 'x'.repeat(100)],
    ['generation', ''],
    ['roster:version', 'many'],
    ['roster:version', '1e999'],
  ] as const) {
    const before = await redis.command('GET', PREFIX + key)
    await redis.command('SET', PREFIX + key, value)
    await expect(ask(store, '')).rejects.toThrow('Redis gave an answer to EXCHANGE that has an unknown shape')
    await redis.command('SET', PREFIX + key, String(before ?? 0))
  }
  await expect(ask(store, '')).resolves.toMatchObject({ isCursorLost: true })
})

withRedis('an answer holds some four megabytes of bodies, however long they are and however many', async () => {
  const { store } = await start()
  let { cursor } = await store.snapshot()
  const long = 'x'.repeat(BODY_BYTES_MAX)
  await store.append(Array.from({ length: 80 }, (_, index) => ({ id: `long/${index}`, body: long })))
  const counts: number[] = []
  for (let isMore = true; isMore;) {
    const answer = await ask(store, cursor)
    counts.push(answer.entries.length)
    cursor = answer.cursor
    isMore = answer.isMore
  }
  // The 33rd goes beyond the bound, and is the last.
  expect(counts).toEqual([33, 33, 14])
})

withRedis('messages that are none are dropped, and ten thousand of them are five lines in the log', async () => {
  const { redis, store, log } = await start()
  const listener = createListener()
  store.listen(listener)
  await listener.heard('connected')
  const shouting = redis.connect()
  const bad = ['', 'entry', 'entry a', 'entry a ', `entry a ${LONG}`, 'proof o g', 'roster ', 'ENTRY a b', 'entry a é']
  for (const text of bad) await shouting.publish(`${PREFIX}news`, text)
  const sent = Array.from({ length: 10_000 - bad.length }, () => shouting.publish(`${PREFIX}to:one`, 'noise'))
  await Promise.all(sent)
  await shouting.publish(`${PREFIX}news`, 'entry a b c')
  await listener.heard('entry')
  expect(listener.events).toEqual(['connected', 'entry {"id":"a","body":"b c"}'])
  expect(log.lines.filter((line) => line.includes('"what":"message"'))).toHaveLength(5)
})

test('random answers over every kind of connection end nothing but the connection', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...NODE_FLAGS, path.join(import.meta.dirname, 'hostile-child.ts')],
    { encoding: 'utf8', timeout: 60_000 },
  )
  expect(stderr).toBe('')
  const { calls, uncaught, heapMegabytes } = JSON.parse(stdout) as Record<string, unknown>
  expect({ status, uncaught }).toEqual({ status: 0, uncaught: [] })
  expect(calls).toBeGreaterThan(300)
  expect(heapMegabytes).toBeLessThan(200)
})

interface Impostor {
  readonly url: string
  /** Resolves once so many connections have been made. */
  connections(count: number): Promise<void>
}

/** A server that answers whatever it is sent with `answer`. */
async function startImpostor(answer: (socket: Socket, data: string) => void): Promise<Impostor> {
  let count = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    count++
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      answer(socket, data.toString())
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  endings.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async connections(wanted) {
      while (count < wanted) await once(server, 'connection')
    },
  }
}

const INFO = '$24\r\nrole:master\r\nloading:0\r\n\r\n'

test('a connection whose answers are more than the questions is given up', async () => {
  const { url, connections } = await startImpostor((socket, data) => {
    socket.write(data.includes('info') ? `${INFO}:1\r\n` : ':1\r\n')
  })
  const store = openStore({ url, fleet: 'fleet', gateway: 'one', timeoutMs: 400 })
  endings.push(() => store.close())
  await connections(3)
})

test('contact is made only once the subscription stands', async () => {
  let subscriber: Socket | undefined
  const { url } = await startImpostor((socket, data) => {
    if (data.includes('subscribe')) subscriber = socket
    else socket.write(data.includes('info') ? INFO : '*0\r\n')
  })
  const store = openStore({ url, fleet: 'fleet', gateway: 'one' })
  endings.push(() => store.close())
  const listener = createListener()
  store.listen(listener)
  while (subscriber === undefined) await store.roster()
  await store.roster()
  expect(listener.events).toEqual([])
  const channels = ['portcullis:{fleet}:news', 'portcullis:{fleet}:to:one']
  for (const [index, name] of channels.entries())
    subscriber.write(`*3\r\n$9\r\nsubscribe\r\n$${name.length}\r\n${name}\r\n:${index + 1}\r\n`)
  await listener.heard('connected')
})

const endless = Buffer.alloc(1 << 20, '+')

test.each<readonly [string, (socket: Socket) => void]>([
  ['announces an array of 33 million', (socket) => socket.write('*33554432\r\n')],
  ['announces arrays in arrays', (socket) => socket.write('*100000\r\n'.repeat(1000))],
  [
    'sends a string without end',
    (socket) => {
      for (let sent = 0; sent < 64; sent++) socket.write(endless)
    },
  ],
  ['speaks HTTP', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['answers more often than it is asked', (socket) => socket.write('+OK\r\n'.repeat(20_000))],
  ['says OK to all', (socket) => socket.write('+OK\r\n')],
  ['gives a number for all', (socket) => socket.write(':1\r\n')],
  ['gives nothing for all', (socket) => socket.write('*-1\r\n')],
  ['gives an error with the codes of a terminal', (socket) => socket.write('-ERR \u001b[2Jgone\u0007\r\n')],
  ['hangs up', (socket) => socket.destroy()],
])('a server that %s: calls fail in one line, and the memory stays', async (_name, answer) => {
  const { url } = await startImpostor(answer)
  const log = createLog()
  const store = openStore({ url, fleet: 'fleet', gateway: 'one', timeoutMs: 400, logger: log })
  endings.push(() => store.close())
  const listener = createListener()
  const before = process.memoryUsage().heapUsed
  store.listen(listener)
  const results = await Promise.allSettled([store.roster(), ask(store, ''), store.snapshot(), store.append([entry(1)])])
  for (const each of results) {
    expect(each.status).toBe('rejected')
    expect(String((each as PromiseRejectedResult).reason)).toMatch(/^Error: [\x20-\x7e]{1,400}$/)
  }
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1024 * 1024)
  expect(log.lines.length).toBeLessThan(20)
})
