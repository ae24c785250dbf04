// One real gateway process: how soon every worker of it has proven an order, and how soon what is open is cut.
import net from 'node:net'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { LOCK_ALL, signOrder, startGateway, startRawUpstream } from '../../support/gateway-process.ts'

const ROUTES = `
  - { id: events, path: /events, methods: [GET], upstream: registry, session: none, audit: best-effort }
  - { id: record.write, path: /records, methods: [POST], upstream: registry, tags: [pii], session: none }
  - { id: facilities, path: /facilities, methods: [GET], upstream: registry, session: none, audit: best-effort }
`
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n: hi\n\n\r\n'

export interface OneFigures {
  /** Milliseconds from the acceptance until every worker has shown its refusals, as the answer says. */
  readonly provenMs: readonly number[]
  /** Milliseconds from the order's leaving this process to the end of each stream. */
  readonly cutMs: readonly number[]
  readonly streams: number
}

export async function measureOne(orders: number, streams: number): Promise<OneFigures> {
  const upstream = await startRawUpstream((socket) => {
    socket.write(HEAD)
  })
  const gateway = await startGateway({
    upstreamPort: upstream.port,
    routes: ROUTES,
    workers: 2,
    upstreamExtra: ', maxInFlight: 10000, connections: 10000',
    gatewayExtra: ', limits: { connectionsPerAddress: 20000, connections: 20000 }',
  })
  try {
    const [desk] = gateway.people
    if (desk === undefined) throw new Error('nobody signs')
    const provenMs: number[] = []
    for (let at = 0; at <= orders; at += 1) {
      // A lock that lets the streams live, which are opened afterwards.
      const scope = { routes: ['record.write'] }
      const answer = await gateway.order(signOrder(desk, { ...LOCK_ALL, scope }), '?wait=5s')
      const { proof } = (await answer.json()) as { proof: { elapsedMs: number; missing: readonly string[] } }
      if (proof.missing.length > 0) throw new Error(`not proven by ${proof.missing.join()}`)
      if (at > 0) provenMs.push(proof.elapsedMs)
      await delay(5)
    }
    return {
      provenMs,
      streams,
      cutMs: await cut(gateway.port, streams, () => gateway.order(signOrder(desk, LOCK_ALL))),
    }
  } finally {
    await gateway.cleanUp()
    await upstream.close()
  }
}

async function cut(port: number, count: number, freeze: () => Promise<Response>): Promise<readonly number[]> {
  const sockets: net.Socket[] = []
  for (let from = 0; from < count; from += 100) {
    const batch = Array.from({ length: Math.min(100, count - from) }, () => net.connect(port, '127.0.0.1'))
    await Promise.all(
      batch.map(async (socket) => {
        socket.on('error', () => undefined)
        socket.write('GET /events HTTP/1.1\r\nHost: bench\r\n\r\n')
        const [first] = (await once(socket, 'data')) as [Buffer]
        if (!first.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(first.toString('latin1'))
      }),
    )
    sockets.push(...batch)
  }
  await delay(500)
  let startedMs = 0
  const ends = sockets.map(
    (socket) =>
      new Promise<number>((resolve) => {
        socket.once('close', () => {
          resolve(performance.now() - startedMs)
        })
      }),
  )
  startedMs = performance.now()
  const answer = await freeze()
  if (answer.status !== 201) throw new Error(`the freeze was answered ${answer.status}`)
  const late = setTimeout(() => {
    for (const socket of sockets) socket.destroy()
  }, 5000)
  const found = await Promise.all(ends)
  clearTimeout(late)
  return found
}
