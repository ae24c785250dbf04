// A fuzzer that finds nothing proves nothing unless it can find something: broken gateways are noticed.
import net from 'node:net'
import { expect, test } from '@jest/globals'
import { compileNearMissGuard } from '../../src/core/near-miss.ts'
import type { UpstreamClient, UpstreamRequest, UpstreamSink } from '../../src/ports/upstream-client.ts'
import type { DataPlaneOptions } from '../support/start-data-plane.ts'
import { startAnswerRun, type Through } from './answer-run.ts'
import type { Finding } from './case.ts'
import { startRequestRun } from './request-run.ts'

/** What is found in so many cases, each promise once. */
async function rulesBroken(sabotage: Partial<DataPlaneOptions>, kind: 'structured' | 'bytes', cases: number) {
  const run = await startRequestRun(sabotage)
  const findings: Finding[] = []
  for (let seed = 1; seed <= cases; seed++) findings.push(...((await run.play(seed, kind))?.findings ?? []))
  await run.close()
  return [...new Set(findings.map(({ rule }) => rule))].sort()
}

/** The gateway's own upstream client, told something else than was authorised. */
function forwarding(change: (request: UpstreamRequest) => UpstreamRequest): Partial<DataPlaneOptions> {
  return {
    gateway: (base) => {
      const { upstreams } = base.settings
      const changed: UpstreamClient = {
        send: (request, sink) => upstreams.send(change(request), sink),
        close: () => upstreams.close(),
      }
      return { settings: { ...base.settings, upstreams: changed } }
    },
  }
}

test('a gateway without a guard against near misses', async () => {
  const rules = await rulesBroken({ settings: { nearMisses: compileNearMissGuard([]) } }, 'structured', 600)
  expect(rules.join()).toMatch(/a locked route was reached, by an upstream that reads/)
})

test('a gateway that forwards another spelling than it judged', async () => {
  const rules = await rulesBroken(
    forwarding((request) => ({ ...request, target: request.target.replace('/open', '/opem') })),
    'bytes',
    60,
  )
  expect(rules).toEqual(expect.arrayContaining(['another path than was recorded', 'another target than was sent']))
})

test('a gateway that forwards another method', async () => {
  const rules = await rulesBroken(
    forwarding((request) => (request.method === 'PUT' ? { ...request, method: 'POST' } : request)),
    'structured',
    60,
  )
  expect(rules).toContain('another method than was recorded')
})

test('a gateway that adds a field', async () => {
  const rules = await rulesBroken(
    forwarding((request) => ({ ...request, lines: `${request.lines}X-Original-URL: /vault/gold\r\n` })),
    'structured',
    40,
  )
  expect(rules).toEqual(
    expect.arrayContaining(['a field that must not pass: X-Original-URL', 'a field that was not sent: X-Original-URL']),
  )
})

test('a gateway that asks twice', async () => {
  const rules = await rulesBroken(
    {
      gateway: (base) => {
        const { upstreams } = base.settings
        const twice: UpstreamClient = {
          send: (request, sink) => {
            if (request.body === 0) upstreams.send(request, SILENT)
            return upstreams.send(request, sink)
          },
          close: () => upstreams.close(),
        }
        return { settings: { ...base.settings, upstreams: twice } }
      },
    },
    'structured',
    60,
  )
  expect(rules).toContain('seen more than once')
})

/** Hears everything and says yes to all of it. */
const SILENT = new Proxy({} as UpstreamSink, { get: () => () => true })

test('a relay that passes on whatever the upstream says', async () => {
  const run = await startAnswerRun(startRelay)
  const rules = new Set<string>()
  for (let seed = 1; seed <= 80; seed++) {
    for (const { rule } of (await run.play(seed))?.findings ?? []) rules.add(rule.replace(/:.*/, ''))
  }
  await run.close()
  expect([...rules]).toEqual(expect.arrayContaining(['an answer that is malformed', 'the next exchange came to harm']))
})

/** Bytes in, bytes out: what a gateway is there to be better than. */
async function startRelay(to: number): Promise<Through> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer((caller) => {
    const upstream = net.connect(to, '127.0.0.1')
    for (const [from, into] of [
      [caller, upstream],
      [upstream, caller],
    ] as const) {
      sockets.add(from)
      from.on('error', () => into.destroy()).pipe(into)
    }
  })
  server.listen(0, '127.0.0.1')
  await new Promise<void>((resolve) => server.once('listening', resolve))
  return {
    port: (server.address() as net.AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
