import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from '@jest/globals'
import { createCounts, createSend } from '../../demo/gateway-client.ts'
import { runTraffic } from '../../demo/traffic.ts'
import { openRegistry, until } from './support.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function listen(listener: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, server }
}

const fast = { citizensPerSecond: 250, scraperPerSecond: 100, watchMs: 5 }
const total = (tally: Record<string, number>): number => Object.values(tally).reduce((sum, count) => sum + count, 0)

describe('traffic', () => {
  test('before the bare registry: a bounded number of requests, citizens served, records taken by the scraper', async () => {
    const registry = await openRegistry()
    cleanups.push(registry.close)
    const traffic = runTraffic({ gateway: registry.url, sms: registry.smsUrl, citizens: 10, maxRequests: 400, ...fast })
    await traffic.done
    const { counts } = traffic
    expect(counts.sent).toBe(400)
    expect(registry.stats.requests).toBe(400)
    expect(total(counts.citizen) + total(counts.scraper)).toBe(400)
    expect(Object.keys(counts.citizen).filter((status) => !['200', '201'].includes(status))).toEqual([])
    // Which of them comes more often is the machine's word where it is busy.
    expect(total(counts.citizen)).toBeGreaterThan(50)
    expect(counts.recordsTaken).toBeGreaterThan(20)
    expect(registry.stats.byOperation).toMatchObject({
      partnerLookup: expect.any(Number),
      readBeneficiary: expect.any(Number),
    })
    expect(registry.stats.byOperation.unknown).toBeUndefined()
  })

  test('stop ends it: no call is made afterwards', async () => {
    const registry = await openRegistry()
    cleanups.push(registry.close)
    const traffic = runTraffic({ gateway: registry.url, sms: registry.smsUrl, ...fast, watchMs: 60_000 })
    await until(() => (registry.stats.byOperation.watchSlots ?? 0) > 0)
    await traffic.stop()
    const { sent } = traffic.counts
    await new Promise((resolve) => setImmediate(resolve))
    expect(traffic.counts.sent).toBe(sent)
  })

  test('before a locked gateway citizens back off, the scraper hammers on, and a release is noticed', async () => {
    const registry = await openRegistry()
    cleanups.push(registry.close)
    let locked = true
    const gate = await listen((request, response) => {
      if (locked) response.writeHead(503).end()
      else response.writeHead(307, { location: registry.url + (request.url ?? '') }).end()
    })
    const traffic = runTraffic({ gateway: gate.url, sms: registry.smsUrl, citizens: 4, ...fast })
    cleanups.push(traffic.stop)
    const { counts } = traffic
    const refused = (who: 'citizen' | 'scraper'): number => counts[who]['503'] ?? 0
    await until(() => refused('scraper') >= 40 && refused('citizen') >= 4)
    expect(refused('citizen')).toBeLessThan(refused('scraper'))
    expect(counts.recordsTaken).toBe(0)
    locked = false
    await until(() => (counts.citizen['307'] ?? 0) > 0)
  })

  test('survives a gateway that goes away, and finds it again', async () => {
    const listener: RequestListener = (_request, response) => void response.writeHead(404).end()
    const first = await listen(listener)
    const traffic = runTraffic({ gateway: first.url, sms: first.url, citizens: 4, ...fast })
    cleanups.push(traffic.stop)
    const { counts } = traffic
    await until(() => (counts.scraper['404'] ?? 0) > 5)
    const { port } = first.server.address() as AddressInfo
    first.server.close()
    first.server.closeAllConnections()
    await until(() => (counts.scraper.none ?? 0) > 5)
    const before = counts.scraper['404'] ?? 0
    const second = createServer(listener).listen(port, '127.0.0.1')
    cleanups.push(() => {
      second.close()
      second.closeAllConnections()
    })
    await until(() => (counts.scraper['404'] ?? 0) > before)
  })

  test('the bound holds also for calls that begin together', async () => {
    const gate = await listen((_request, response) => void response.end('{}'))
    const counts = createCounts()
    const send = createSend(gate.url, counts, new AbortController().signal, 2)
    const call = { caller: 'citizen', method: 'GET', path: '/', address: '198.51.100.1' } as const
    const replies = await Promise.all([send(call), send(call), send(call)])
    expect(replies.map(({ status }) => status).sort()).toEqual([0, 200, 200])
    expect(counts).toMatchObject({ sent: 2, citizen: { '200': 2 } })
  })

  test('an answer that is cut is counted as cut, on a download and on a stream', async () => {
    const gate = await listen((_request, response) => {
      response.writeHead(200)
      response.write('{"begun":', () => response.destroy())
    })
    const counts = createCounts()
    const send = createSend(gate.url, counts, new AbortController().signal, 10)
    const call = { caller: 'citizen', method: 'GET', path: '/', address: '198.51.100.1' } as const
    expect(await send(call)).toMatchObject({ cut: true })
    expect(await send({ ...call, watchMs: 60_000 })).toMatchObject({ cut: true })
    expect(counts.citizen).toEqual({ cut: 2 })
  })
})

const script = fileURLToPath(new URL('../../demo/traffic.ts', import.meta.url))

function startScript(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  cleanups.push(() => child.kill('SIGKILL'))
  return child
}

describe('traffic as a process', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 on %s, and says what it counted', async (signal) => {
    let reached: () => void = () => undefined
    const request = new Promise<void>((resolve) => (reached = resolve))
    const gate = await listen((_request, response) => {
      response.writeHead(503).end()
      reached()
    })
    const child = startScript('--gateway', gate.url, '--sms', gate.url, '--report-seconds', '60')
    let output = ''
    child.stdout?.on('data', (piece: Buffer) => (output += piece.toString()))
    await request
    child.kill(signal)
    expect(await once(child, 'close')).toEqual([0, null])
    expect(JSON.parse(output)).toMatchObject({ sent: expect.any(Number), recordsTaken: 0 })
  })

  test('ends when its parent has gone', async () => {
    let reached: () => void = () => undefined
    const request = new Promise<void>((resolve) => (reached = resolve))
    const gate = await listen((_request, response) => {
      response.writeHead(503).end()
      reached()
    })
    const args = JSON.stringify([script, '--gateway', gate.url, '--sms', gate.url])
    const start = `console.log(require('node:child_process').spawn(process.execPath, ${args}, { stdio: 'inherit' }).pid)`
    const parent = spawn(process.execPath, ['-e', start], { stdio: ['ignore', 'pipe', 'ignore'] })
    const [orphan] = (await once(parent.stdout, 'data')) as [Buffer]
    cleanups.push(() => {
      try {
        process.kill(Number(orphan.toString()), 'SIGKILL')
      } catch {
        // It has ended by itself, as it should.
      }
    })
    parent.stdout.resume()
    await request
    parent.kill('SIGKILL')
    // The traffic holds the other end of this pipe: it closes when both are gone.
    await once(parent, 'close')
  })

  test('without a gateway it prints its usage and ends with 2', async () => {
    const child = spawn(process.execPath, [script], { stdio: 'ignore' })
    expect(await once(child, 'close')).toEqual([2, null])
  })
})
