// A freeze, end to end in a real process: total, at once, kept over kill -9, raised only by two people.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { countCoreWaits } from '../support/core-waits.ts'
import {
  DEFAULT_ROUTES,
  LOCK_ALL,
  signOrder,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function start(
  options: { workers?: number; routes?: string; upstreamPort?: number } = {},
): Promise<GatewayProcess> {
  let { upstreamPort } = options
  if (upstreamPort === undefined) {
    const upstream = await startRawUpstream()
    cleanUps.push(() => upstream.close())
    upstreamPort = upstream.port
  }
  const gateway = await startGateway({
    upstreamPort,
    routes: options.routes ?? DEFAULT_ROUTES,
    workers: options.workers ?? 1,
  })
  cleanUps.push(() => gateway.cleanUp())
  return gateway
}

/** An upstream that sends a piece each 5 ms until its caller goes away. */
async function startDrip(type: string): Promise<number> {
  const server = http.createServer((_request, response) => {
    response.writeHead(200, { 'content-type': type })
    const timer = setInterval(() => response.write('data: a piece of a record\n\n'), 5)
    response.on('close', () => clearInterval(timer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

const DRIP_ROUTES =
  '  - { id: stream, path: /stream, methods: [GET], upstream: registry, session: none, audit: strict }\n'

interface Open {
  /** Resolves when the first piece has come. */
  readonly flowing: Promise<void>
  /** Resolves with how it ended and when. */
  readonly ended: Promise<{ readonly how: string; readonly at: number }>
}

function openStream(url: string): Open {
  let first: () => void
  const flowing = new Promise<void>((resolve) => {
    first = resolve
  })
  const ended = new Promise<{ how: string; at: number }>((resolve) => {
    const end = (how: string): void => {
      resolve({ how, at: performance.now() })
    }
    http
      .get(url, (response) => {
        response.on('data', () => {
          first()
        })
        response.on('end', () => {
          end('complete')
        })
        response.on('error', (error: NodeJS.ErrnoException) => {
          end(error.code ?? error.message)
        })
      })
      .on('error', (error: NodeJS.ErrnoException) => {
        end(error.code ?? error.message)
      })
  })
  return { flowing, ended }
}

test.each([
  ['a download', 'application/octet-stream', 1],
  ['a stream of events', 'text/event-stream', 1],
  ['streams on two workers', 'text/event-stream', 2],
])('a freeze cuts %s within 100 ms', async (_name, type, workers) => {
  const gateway = await start({ upstreamPort: await startDrip(type), routes: DRIP_ROUTES, workers })
  const open = Array.from({ length: workers * 8 }, () => openStream(`${gateway.url}/stream`))
  await Promise.all(open.map(({ flowing }) => flowing))
  const orderedAt = performance.now()
  const answer = await gateway.order(signOrder(gateway.people[0]!, LOCK_ALL))
  const answeredAt = performance.now()
  const waits = countCoreWaits(gateway.child().pid)
  expect(answer.status).toBe(201)
  const ends = await Promise.all(open.map(({ ended }) => ended))
  expect(Math.max(...ends.map(({ at }) => at)) - answeredAt - waits()).toBeLessThan(100)
  for (const { how, at } of ends) {
    expect(how).toBe('ECONNRESET')
    expect(at).toBeGreaterThan(orderedAt)
  }
})

test('an order that was answered is kept, wherever kill -9 falls', async () => {
  const gateway = await start()
  const answered: string[] = []
  for (let round = 0; round < 8; round++) {
    const orders = Array.from({ length: 6 }, () =>
      signOrder(gateway.people[0]!, { ...LOCK_ALL, scope: { routes: ['facilities'] } }),
    )
    const sent = orders.map((jws) =>
      gateway.order(jws).then(
        async (answer) => {
          const { id, durable } = (await answer.json()) as { id: string; durable: boolean }
          if (answer.status === 201 && durable) answered.push(id)
        },
        () => undefined,
      ),
    )
    // The kill falls after the first answer of odd rounds, and as soon as the orders are on their way in even ones.
    if (round % 2 === 1) await Promise.race(sent)
    await gateway.stop('SIGKILL')
    await Promise.all(sent)
    await gateway.start()
    const status = (await (await gateway.api('/api/v1/status')).json()) as { locks: { id: string }[] }
    expect(status.locks.map(({ id }) => id)).toEqual(expect.arrayContaining(answered))
  }
  expect(answered.length).toBeGreaterThan(0)
  expect((await gateway.get('/api/v2/facilities')).status).toBe(503)
})

test('one signature freezes, two people release, and nothing reaches the upstream in between', async () => {
  const upstream = await startRawUpstream()
  cleanUps.push(() => upstream.close())
  const gateway = await start({ upstreamPort: upstream.port, workers: 2 })
  const [desk, lead, chief] = gateway.people
  const frozen = (await (await gateway.order(signOrder(desk!, LOCK_ALL), '?wait=2s')).json()) as {
    id: string
    epoch: number
    proof: { missing: string[]; proven: string[] }
  }
  expect(frozen.proof.missing).toEqual([])
  expect(frozen.proof.proven.length).toBeGreaterThan(0)
  const before = upstream.received().length
  for (let n = 0; n < 50; n++) expect((await gateway.get('/api/v2/facilities')).status).toBe(503)
  expect(upstream.received().length).toBe(before)

  const proposed = await gateway.order(signOrder(lead!, { kind: 'release', locks: [frozen.id], reason: 'mended' }))
  expect(proposed.status).toBe(202)
  const { id } = (await proposed.json()) as { id: string }
  expect((await gateway.order(signOrder(lead!, { kind: 'approve', release: id }))).status).toBe(409)
  expect((await gateway.order(signOrder(desk!, { kind: 'approve', release: id }))).status).toBe(403)
  expect((await gateway.get('/api/v2/facilities')).status).toBe(503)
  expect((await gateway.order(signOrder(chief!, { kind: 'approve', release: id }))).status).toBe(201)
  expect((await gateway.get('/api/v2/facilities')).status).toBe(200)
})

test('the certificate names each worker and what it refused, signed by the gateway', async () => {
  const gateway = await start({ workers: 2 })
  const { epoch } = (await (await gateway.order(signOrder(gateway.people[0]!, LOCK_ALL), '?wait=2s')).json()) as {
    epoch: number
  }
  const certificate = (await (await gateway.api(`/api/v1/certificates/${epoch}`)).json()) as {
    proofs: { worker: string; route: string; refused: boolean; status: number }[]
    signature: string
  }
  expect(new Set(certificate.proofs.map(({ worker }) => worker))).toEqual(new Set(['w1', 'w2']))
  expect(certificate.proofs.every(({ refused, status }) => refused && status === 503)).toBe(true)
  expect(certificate.signature).toMatch(/^[A-Za-z0-9_-]{86}$/)
})
