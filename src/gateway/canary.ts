// A canary asks for a locked route through this worker's own connection and pipeline, and shows the refusal: the proof of a freeze.
import { duplexPair, type Duplex } from 'node:stream'
import type { Route } from '../core/route.ts'
import type { CanaryProof, CanaryRoute } from '../ports/data-plane.ts'
import { DRILL_FIELD } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import type { GatewayServer } from './server.ts'

export type ShownCanary = Omit<CanaryProof, 'worker'>

/** One proof a route that this worker knows; each canary goes through parser, pipeline and locks, and is never forwarded. */
export async function proveRefusals(
  server: GatewayServer,
  gateway: Gateway,
  asked: readonly CanaryRoute[],
  drill?: string,
): Promise<readonly ShownCanary[]> {
  const { routes } = gateway.settings.routes
  const found = asked.flatMap(({ route: id, stands }) => {
    const route = routes.find((each) => each.id === id)
    return route === undefined ? [] : [{ route, stands }]
  })
  return Promise.all(
    found.map(async ({ route, stands }) => ({ ...(await proveRefusal(server, gateway, route, drill)), stands })),
  )
}

async function proveRefusal(
  server: GatewayServer,
  gateway: Gateway,
  route: Route,
  drill: string | undefined,
): Promise<Omit<ShownCanary, 'stands'>> {
  const method = route.methods.find((each) => each !== 'GET' && each !== 'HEAD') ?? route.methods[0] ?? 'GET'
  const path = route.path.replaceAll(/\{[^}]+\}/g, 'canary')
  const field = drill === undefined ? '' : `${DRILL_FIELD}: ${drill}\r\n`
  const [ours, theirs] = duplexPair()
  server.accept(theirs, true)
  ours.write(`${method} ${path} HTTP/1.1\r\nHost: canary\r\nConnection: close\r\n${field}\r\n`)
  const answer = await readAll(ours)
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)
  return {
    epoch: gateway.view.epoch,
    route: route.id,
    status,
    refused: answer.includes('urn:portcullis:problem:locked'),
    at: gateway.clock.now(),
  }
}

function readAll(socket: Duplex): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    const done = (): void => {
      socket.destroy()
      resolve(text)
    }
    socket.once('end', done)
    socket.once('close', done)
    socket.once('error', done)
  })
}
