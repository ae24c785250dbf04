// What the store over Redis does where Redis is killed, stopped, emptied, put back to an old state, cut off or replaced.
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import type { FleetStore } from '../../../src/ports/fleet-store.ts'
import { startCutProxy, type CutProxy } from '../../support/cut-proxy.ts'
import { createListener, entriesOf, entry, openStore, type TestListener } from '../../support/fleet-stores.ts'
import { startRedisCluster, startSentinelSet } from '../../support/redis-fleets.ts'
import { missingRedis, startRedis, type RedisServer } from '../../support/redis-server.ts'

const missing = missingRedis()
if (missing !== undefined) console.warn(`SKIPPED: ${missing}`)
const withRedis = missing === undefined ? test : test.skip

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

function keep<T extends { stop(): Promise<void> }>(started: T): T {
  endings.push(() => started.stop())
  return started
}

interface Member {
  readonly store: FleetStore
  readonly listener: TestListener
}

async function join(url: string, gateway: string, timeoutMs = 5000): Promise<Member> {
  const store = openStore({ url, fleet: 'fleet', gateway, timeoutMs })
  endings.push(() => store.close())
  const listener = createListener()
  store.listen(listener)
  await listener.heard('connected')
  return { store, listener }
}

async function startProxied(): Promise<{
  readonly redis: RedisServer
  readonly proxy: CutProxy
  readonly url: string
}> {
  const redis = keep(await startRedis())
  const proxy = keep(await startCutProxy(redis))
  return { redis, proxy, url: `redis://127.0.0.1:${proxy.port}` }
}

function ask(store: FleetStore, cursor: string): ReturnType<FleetStore['exchange']> {
  return store.exchange({ gateway: 'one', heartbeat: 'beat', cursor, wanted: [] })
}

/** The answer, once there is one: the limits here are short, and this machine is shared. Every call of a store may be repeated. */
async function answered<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (attempt === 50) throw error
    }
  }
}

withRedis('an absent Redis is no error, and is found once it is there', async () => {
  const redis = keep(await startRedis())
  await redis.kill()
  const store = openStore({ url: redis.url, fleet: 'fleet', gateway: 'one', timeoutMs: 300 })
  endings.push(() => store.close())
  const listener = createListener()
  store.listen(listener)
  expect(await listener.heard('lost')).toMatch(/ECONNREFUSED/)
  await expect(store.roster()).rejects.toThrow(/^Redis did not answer within 300 ms: .*ECONNREFUSED/)
  await redis.start()
  await listener.heard('connected')
  await answered(() => store.append([entry(1)]))
  expect(await answered(() => entriesOf(store))).toEqual([entry(1)])
})

withRedis(
  'killed and started empty: one loss, one return, another generation, and what is put back stands',
  async () => {
    const redis = keep(await startRedis())
    const { store, listener } = await join(redis.url, 'one')
    await store.append([entry(1)])
    const before = await ask(store, (await store.snapshot()).cursor)
    await redis.restartEmpty()
    await listener.heard('connected')
    const after = await ask(store, before.cursor)
    expect(after).toMatchObject({ isCursorLost: true, entries: [] })
    expect(after.generation).not.toBe(before.generation)
    expect(await store.append([entry(1)])).toBe(1)
    expect(await entriesOf(store)).toEqual([entry(1)])
    expect(listener.events.filter((event) => !event.startsWith('entry'))).toEqual([
      'connected',
      expect.stringMatching(/^lost /),
      'connected',
    ])
  },
)

withRedis('put back to an old dump: the cursor is lost, also once others have written past it', async () => {
  const redis = keep(await startRedis())
  const { store, listener } = await join(redis.url, 'one')
  const other = await join(redis.url, 'two')
  await store.append([entry(1)])
  const old = await redis.dump()
  await store.append([entry(2)])
  const { cursor, generation } = await ask(store, (await store.snapshot()).cursor)
  await redis.restore(old)
  await Promise.all([listener.heard('connected'), other.listener.heard('connected')])
  expect(await ask(store, cursor)).toMatchObject({ isCursorLost: true, generation })
  await other.store.append([entry(3), entry(4)])
  expect(await ask(store, cursor)).toMatchObject({ isCursorLost: true, entries: [] })
  expect(await store.append([entry(1), entry(2)])).toBe(1)
  expect((await entriesOf(store)).map(({ id }) => id).toSorted()).toEqual([1, 2, 3, 4].map((each) => entry(each).id))
})

withRedis('a stopped Redis: every call fails within the limit, and the contact is told lost and found', async () => {
  const redis = keep(await startRedis())
  const { store, listener } = await join(redis.url, 'one', 200)
  redis.pause()
  const calls = [
    store.roster(),
    store.append([entry(1)]),
    ask(store, ''),
    store.putProof({ order: 'o', gateway: 'one', body: 'b' }, []),
    store.snapshot(),
  ]
  for (const each of await Promise.allSettled(calls)) {
    expect(each.status).toBe('rejected')
    expect(String((each as PromiseRejectedResult).reason)).toMatch(/^Error: (Redis did not answer|Command timed out)/)
  }
  await listener.heard('lost')
  redis.resume()
  await listener.heard('connected')
  // Whether the append was done is not known, and it may be repeated.
  await answered(() => store.append([entry(1)]))
  expect(await answered(() => entriesOf(store))).toEqual([entry(1)])
})

withRedis(
  'no more calls wait for an absent Redis than the bound says, and none stays when its time is over',
  async () => {
    const redis = keep(await startRedis())
    await redis.kill()
    const store = openStore({ url: redis.url, fleet: 'fleet', gateway: 'one', timeoutMs: 300 })
    endings.push(() => store.close())
    const results = await Promise.allSettled(Array.from({ length: 1500 }, () => store.append([entry(1)])))
    const reasons = results.map((each) => String((each as PromiseRejectedResult).reason))
    expect(reasons.filter((reason) => reason.includes('more than 1000 calls'))).toHaveLength(500)
    expect(reasons.filter((reason) => reason.includes('did not answer within 300 ms'))).toHaveLength(1000)
    await redis.start()
    const listener = createListener()
    store.listen(listener)
    await listener.heard('connected')
    await answered(() => store.append([entry(2)]))
    // None of the thousand was sent late.
    expect(await answered(() => entriesOf(store))).toEqual([entry(2)])
  },
)

withRedis('a partition: what was appended behind it is read after it heals, none missed, none twice', async () => {
  const { redis, proxy, url } = await startProxied()
  const near = await join(url, 'one', 300)
  const far = await join(redis.url, 'two')
  const { cursor } = await answered(() => near.store.snapshot())
  proxy.cut()
  await expect(near.store.roster()).rejects.toThrow(/Redis|Command/)
  await far.store.append([entry(1), entry(2)])
  await near.listener.heard('lost')
  proxy.restore()
  await near.listener.heard('connected')
  // What came between `connected` and this read came by itself as well: the subscription stood before it.
  await far.store.append([entry(3)])
  await near.listener.heard(`entry ${JSON.stringify(entry(3))}`)
  expect((await answered(() => ask(near.store, cursor))).entries).toEqual([entry(1), entry(2), entry(3)])
})

withRedis('connections that are reset: the subscription stands again before contact is said to be made', async () => {
  const { redis, proxy, url } = await startProxied()
  const { listener } = await join(url, 'one')
  const far = await join(redis.url, 'two')
  for (let round = 1; round <= 3; round++) {
    proxy.reset()
    await listener.heard('lost')
    proxy.restore()
    await listener.heard('connected')
    await far.store.append([entry(round)])
    await listener.heard(`entry ${JSON.stringify(entry(round))}`)
  }
})

withRedis('a subscription that alone is closed is made anew', async () => {
  const redis = keep(await startRedis())
  const { listener, store } = await join(redis.url, 'one')
  await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await listener.heard('lost')
  await listener.heard('connected')
  expect((await store.roster()).size).toBe(0)
})

withRedis('a link that falls silent while nothing is asked is noticed all the same', async () => {
  const { proxy, url } = await startProxied()
  const { listener } = await join(url, 'one', 300)
  proxy.cut()
  await listener.heard('lost')
})

withRedis('connections that are forgotten on the way are given up, the one for commands too', async () => {
  const { proxy, url } = await startProxied()
  const { store, listener } = await join(url, 'one', 300)
  proxy.forget()
  await expect(store.roster()).rejects.toThrow(/Redis|Command/)
  await listener.heard('lost')
  await listener.heard('connected')
  expect((await answered(() => store.roster())).size).toBe(0)
})

withRedis('an answer that is late is an answer', async () => {
  const { proxy, url } = await startProxied()
  const { store } = await join(url, 'one')
  proxy.delay(50)
  expect(await store.append([entry(1), entry(2)])).toBe(2)
  expect((await entriesOf(store)).length).toBe(2)
})

withRedis('a snapshot in whose middle Redis restarts fails, since a scan does not outlive a run', async () => {
  const redis = keep(await startRedis())
  const { store, listener } = await join(redis.url, 'one')
  await store.append(Array.from({ length: 1000 }, (_, index) => entry(index)))
  const content = await redis.dump()
  const pages = (await store.snapshot()).pages[Symbol.asyncIterator]()
  await pages.next()
  await redis.restore(content)
  await listener.heard('connected')
  await expect(pages.next()).rejects.toThrow('Redis was restarted or replaced while its snapshot was read')
  expect(await entriesOf(store)).toHaveLength(1000)
})

withRedis('the stream is trimmed; who has fallen behind it is told so, and the snapshot holds all', async () => {
  const redis = keep(await startRedis())
  const { store } = await join(redis.url, 'one')
  const { cursor } = await store.snapshot()
  await store.append(Array.from({ length: 11_000 }, (_, index) => entry(index)))
  expect(await redis.command('XLEN', 'portcullis:{fleet}:orders')).toBeLessThan(10_500)
  expect(await ask(store, cursor)).toMatchObject({ isCursorLost: true, entries: [] })
  expect(await entriesOf(store)).toHaveLength(11_000)
})

withRedis('an authority that is not trusted, a wrong password, no TLS: said, and nothing is asked', async () => {
  const redis = keep(await startRedis({ tls: true }))
  await redis.command('CONFIG', 'SET', 'requirepass', 'right')
  const problems: Record<string, string> = {}
  for (const [name, url, tls] of [
    ['authority', redis.url, {}],
    ['password', redis.url.replace('://', '://:wrong@'), { ca: redis.ca ?? '' }],
    ['plain', redis.url.replace('rediss', 'redis'), {}],
  ] as const) {
    const store = openStore({ url, tls, fleet: 'fleet', gateway: 'one', timeoutMs: 500 })
    endings.push(() => store.close())
    const listener = createListener()
    store.listen(listener)
    problems[name] = await listener.heard('lost')
    await expect(store.roster()).rejects.toThrow(/did not answer within 500 ms: /)
  }
  expect(problems).toEqual({
    authority: expect.stringMatching(/certificate/),
    password: expect.stringMatching(/WRONGPASS/),
    plain: expect.stringMatching(/closed|reset|ECONNRESET/i),
  })
})

/** A Sentinel that says what the test tells it to, and never tells of a failover. */
async function startTalker(says: () => number): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      for (const command of data
        .toString()
        .split(/(?:^|\r\n)\*\d+\r\n/)
        .slice(1)) {
        const port = command.includes('get-master-addr-by-name') ? String(says()) : undefined
        socket.write(port === undefined ? '+OK\r\n' : `*2\r\n$9\r\n127.0.0.1\r\n$${port.length}\r\n${port}\r\n`)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  endings.push(async () => {
    server.close()
    await Promise.resolve()
  })
  return `redis-sentinel://127.0.0.1:${(server.address() as AddressInfo).port}/primary`
}

withRedis('a Sentinel that names an address that is none is asked again', async () => {
  const redis = keep(await startRedis())
  let asked = 0
  const url = await startTalker(() => (++asked > 4 ? redis.port : 99_999))
  const { store } = await join(url, 'one')
  expect(await store.append([entry(1)])).toBe(1)
})

withRedis('a primary that has become a replica without a word of the Sentinels is left', async () => {
  const [old, replaced] = [keep(await startRedis()), keep(await startRedis())]
  let { port } = old
  const { store, listener } = await join(await startTalker(() => port), 'one')
  await old.command('REPLICAOF', '127.0.0.1', replaced.port)
  port = replaced.port
  await expect(store.append([entry(1)])).rejects.toThrow('READONLY')
  await listener.heard('lost')
  await listener.heard('connected')
  expect(await store.append([entry(1)])).toBe(1)
})

withRedis('a failover: the new primary is found, and nothing that reached it is lost', async () => {
  const set = keep(await startSentinelSet())
  const url = `redis-sentinel://127.0.0.1:${set.port}/${set.name}`
  const { store, listener } = await join(url, 'one')
  await store.append([entry(1)])
  const { cursor, generation } = await ask(store, (await store.snapshot()).cursor)
  await set.primary.command('WAIT', 1, 5000)
  await set.failOver()
  await listener.heard('connected')
  // The old one is told only some ten seconds later that it is a replica now, and would take writes until then.
  expect(await set.primary.command('ROLE')).toEqual(expect.arrayContaining(['master']))
  expect(await store.append([entry(2)])).toBe(1)
  expect(await set.replica.command('ROLE')).toEqual(expect.arrayContaining(['master']))
  expect(await ask(store, cursor)).toMatchObject({ isCursorLost: false, generation, entries: [entry(2)] })
})

withRedis('a cluster whose nodes all restart empty is found again', async () => {
  const cluster = keep(await startRedisCluster())
  const url = `redis-cluster://${cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
  const { store, listener } = await join(url, 'one')
  await store.append([entry(1)])
  const before = await ask(store, '')
  // A node keeps who holds which slots in a file of its own, so that it is a cluster again at once.
  await Promise.all(cluster.nodes.map((node) => node.restartEmpty()))
  await cluster.isWhole()
  await listener.heard('connected')
  expect((await ask(store, '')).generation).not.toBe(before.generation)
  expect(await store.append([entry(1)])).toBe(1)
})
