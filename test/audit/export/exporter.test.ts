// Sinks and the cursor: at least once, in order, and the last place is remembered.
import { createHmac } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { createFileSink } from '../../../src/adapters/file/export-file.ts'
import { createWebhookSink, parseWebhookSecret } from '../../../src/adapters/node/webhook-sink.ts'
import { createStreamSink } from '../../../src/adapters/redis/export-stream.ts'
import { createExporter } from '../../../src/audit/export/exporter.ts'
import type { ExportBatch, ExportSink } from '../../../src/ports/export-sink.ts'
import { eventually } from '../../support/gateway-process.ts'
import { startRedis, type RedisServer } from '../../support/redis-server.ts'
import { createPlace, type Place, readEntries, records, removePlaces, writeTrail } from '../trail.ts'

afterAll(removePlaces)

const COUNT = 1_234
let place: Place
let entries: string[]

beforeAll(async () => {
  place = createPlace()
  await writeTrail(place, [records('w1', 0, COUNT)])
  entries = await readEntries(place)
})

function exporterTo(sink: ExportSink, root: string, now = () => 0) {
  return createExporter({ dir: place.dir, format: 'ndjson', sink, cursorFile: join(root, 'cursors', 'a.cursor'), now })
}

/** Takes what comes, and fails when told. */
function createMemorySink(): ExportSink & { taken: string[]; failing: boolean; batches: ExportBatch[] } {
  const sink = {
    taken: [] as string[],
    batches: [] as ExportBatch[],
    failing: false,
    send(batch: ExportBatch) {
      sink.batches.push(batch)
      // The worst case: the other side has taken it, and nobody learns of it.
      sink.taken.push(...batch.records.map(({ text }) => text))
      return sink.failing ? Promise.reject(new Error('cut off')) : Promise.resolve()
    },
    close: () => Promise.resolve(),
  }
  return sink
}

describe('an exporter', () => {
  test('sends all that is sealed, once where nothing fails, and goes on where it stood', async () => {
    const { root } = createPlace()
    const sink = createMemorySink()
    const first = exporterTo(sink, root)
    await first.run()
    expect(sink.taken).toEqual(entries)
    expect(first.state).toEqual({ lag: 0, failures: 0, lost: 0 })
    await exporterTo(sink, root).run()
    expect(sink.taken).toHaveLength(COUNT)
  })

  test('sends again what may not have come through, after a pause that grows', async () => {
    const { root } = createPlace()
    const sink = createMemorySink()
    let now = 0
    const exporter = exporterTo(sink, root, () => now)
    sink.failing = true
    await exporter.run()
    expect(exporter.state).toMatchObject({ failures: 1, problem: 'cut off', lag: COUNT })
    await exporter.run()
    expect(sink.batches).toHaveLength(1)
    now = 500
    await exporter.run()
    now = 1_400
    await exporter.run()
    expect(sink.batches).toHaveLength(2)
    sink.failing = false
    now = 1_500
    await exporter.run()
    expect(exporter.state).toEqual({ lag: 0, failures: 2, lost: 0 })
    expect(new Set(sink.taken)).toEqual(new Set(entries))
    expect(sink.taken.slice(-COUNT)).toEqual(entries)
  })

  test('says where its cursor is damaged, or beyond a trail that was rolled back', async () => {
    const { root } = createPlace()
    const sink = createMemorySink()
    await exporterTo(sink, root).run()
    const cursor = join(root, 'cursors', 'a.cursor')
    for (const [text, problem] of [
      ['x', 'is damaged'],
      ['99999', 'rolled back'],
    ] as const) {
      writeFileSync(cursor, text)
      const exporter = exporterTo(sink, root)
      await exporter.run()
      expect(exporter.state.problem).toContain(problem)
    }
  })
})

test('a file has each record once, and a new one begins where it was moved away', async () => {
  const { root } = createPlace()
  const path = join(root, 'out.ndjson')
  await exporterTo(createFileSink(path), root).run()
  expect(readFileSync(path, 'utf8')).toBe(`${entries.join('\n')}\n`)
})

test('a line that a kill or a full disk has torn spoils none that follows', async () => {
  const { root } = createPlace()
  const path = join(root, 'out.ndjson')
  writeFileSync(path, `${entries[0]}\n${entries[1]?.slice(0, 20)}`)
  await exporterTo(createFileSink(path), root).run()
  const lines = readFileSync(path, 'utf8').split('\n')
  expect(lines.slice(0, 2)).toEqual([entries[0], entries[1]?.slice(0, 20)])
  expect(lines.slice(2)).toEqual([...entries, ''])
})

describe('a webhook', () => {
  let server: Server
  let answer = 204
  const got: { headers: Record<string, unknown>; body: string }[] = []
  let url = ''

  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        got.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
        response.writeHead(answer, answer === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`
  })
  afterAll(() => {
    server.close()
    server.closeAllConnections()
  })
  afterEach(() => {
    got.length = 0
    answer = 204
  })

  const secret = parseWebhookSecret(`whsec_${Buffer.alloc(32, 7).toString('base64')}`)

  test('gets signed batches that any library of Standard Webhooks verifies, each with an id of its own', async () => {
    const { root } = createPlace()
    await exporterTo(createWebhookSink({ url, secret, origin: 'gw', now: () => 1_700_000_000_000 }), root).run()
    expect(got.map(({ body }) => body).join('')).toBe(`${entries.join('\n')}\n`)
    expect(new Set(got.map(({ headers }) => headers['webhook-id'])).size).toBe(got.length)
    for (const { headers, body } of got) {
      const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`
      const mac = createHmac('sha256', Buffer.alloc(32, 7)).update(signed).digest('base64')
      expect(headers['webhook-signature']).toBe(`v1,${mac}`)
    }
  })

  test.each([500, 401, 302])('that answers %d has not taken it, and no redirect is followed', async (status) => {
    answer = status
    const { root } = createPlace()
    const exporter = exporterTo(createWebhookSink({ url, secret, origin: 'gw', now: () => 0 }), root)
    await exporter.run()
    expect(exporter.state.lag).toBe(COUNT)
    expect(exporter.state.problem).toMatch(/^the webhook /)
    expect(exporter.state.problem).not.toContain(url)
    expect(existsSync(join(root, 'cursors'))).toBe(false)
  })

  test('needs a secret that is one', () => {
    for (const bad of ['', 'whsec_', 'whsec_c2hvcnQ=', '!'.repeat(40)])
      expect(() => parseWebhookSecret(bad)).toThrow('24 to 64 bytes')
  })
})

describe('a Redis stream', () => {
  let redis: RedisServer | undefined

  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(async () => {
    await redis?.stop()
  })

  test('has each record once, also where a batch comes again, and gets through after an outage', async () => {
    if (redis === undefined) return
    const url = `redis://127.0.0.1:${redis.port}/0`
    const { root } = createPlace()
    const sink = createStreamSink({ url, key: 's', lengthMax: 1_000_000 })
    await exporterTo(sink, root).run()
    await exporterTo(sink, createPlace().root).run()
    const client = new Redis(url)
    const stream = (await client.xrange('s', '-', '+')).map(([, fields]) => fields[3])
    expect(stream).toEqual(entries)
    client.disconnect()
    await sink.close()
    const down = createStreamSink({ url: 'redis://127.0.0.1:1/0', key: 's', lengthMax: 10 })
    const exporter = exporterTo(down, createPlace().root)
    await exporter.run()
    expect(exporter.state.problem).toContain('the Redis stream cannot be written')
    await down.close()
  })

  test('takes a batch as a whole or not at all: of one refused in its middle the rest would count as known', async () => {
    if (redis === undefined) return
    const url = `redis://127.0.0.1:${redis.port}/0`
    const listener = redis.connect()
    const seen: string[] = []
    const monitor = await listener.monitor()
    monitor.on('monitor', (_time: string, [name = '', key]: string[]) => {
      if (/^(multi|exec)$/i.test(name) || key === 'whole') seen.push(name.toLowerCase())
    })
    const sink = createStreamSink({ url, key: 'whole', lengthMax: 1_000_000 })
    const batch = (from: number, to: number): ExportBatch => ({
      ...{ from, to },
      records: entries.slice(from, to).map((text, i) => ({ index: from + i, text })),
    })
    await sink.send(batch(0, 3))
    expect(await eventually(async () => seen.includes('exec'), 10_000)).toBe(true)
    expect(seen).toEqual(['xrevrange', 'multi', 'xadd', 'xadd', 'xadd', 'exec'])
    await redis.command('CONFIG', 'SET', 'maxmemory', 1)
    await expect(sink.send(batch(3, 6))).rejects.toThrow('the Redis stream cannot be written')
    expect(await redis.command('XLEN', 'whole')).toBe(3)
    await redis.command('CONFIG', 'SET', 'maxmemory', 0)
    await sink.send(batch(3, 6))
    expect(await redis.command('XLEN', 'whole')).toBe(6)
    monitor.disconnect()
    await sink.close()
  })

  test('that holds entries of somebody else is refused, and nothing counts as sent', async () => {
    if (redis === undefined) return
    await redis.command('XADD', 'foreign', '*', 'a', 'b')
    const sink = createStreamSink({ url: `redis://127.0.0.1:${redis.port}/0`, key: 'foreign', lengthMax: 10 })
    const exporter = exporterTo(sink, createPlace().root)
    await exporter.run()
    expect(exporter.state).toMatchObject({ lag: COUNT, problem: expect.stringContaining('entries of somebody else') })
    await sink.close()
  })
})
