// A reverse proxy that serves a control plane under a path of its own, and in place of its events a flood.
import { createServer, request, type ServerResponse } from 'node:http'
import { type AddressInfo } from 'node:net'

export interface PrefixProxy {
  readonly url: string
  close(): Promise<void>
}

/** Sends so many made-up decisions each `everyMs` until the response is closed. */
export function floodOf(count: number, everyMs: number): (response: ServerResponse) => void {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    let sent = 0
    const timer = setInterval(() => {
      const decisions = Array.from({ length: count }, () => decisionOf(sent++))
      response.write(`event: decisions\ndata: ${JSON.stringify({ decisions, untold: 0 })}\n\n`)
    }, everyMs)
    response.on('close', () => clearInterval(timer))
  }
}

function decisionOf(number: number): object {
  const isThrottled = number % 3 === 0
  return {
    ...{ time: Date.now(), id: `flood-${number}`, client: `10.0.${number % 20}.${number % 250}`, method: 'GET' },
    ...{ route: 'facilities', path: `/api/v2/facilities/${number}`, durationMs: 1.25 },
    ...(isThrottled ? { decision: 'throttled', status: 429 } : { decision: 'allow', status: 200 }),
  }
}

export async function startPrefixProxy(
  prefix: string,
  port: number,
  events: (response: ServerResponse) => void,
): Promise<PrefixProxy> {
  const server = createServer((incoming, response) => {
    const path = incoming.url ?? ''
    if (!path.startsWith(`${prefix}/`)) {
      response.writeHead(404).end()
      return
    }
    const target = path.slice(prefix.length)
    if (target.startsWith('/api/v1/events')) {
      events(response)
      return
    }
    const asked = request(
      { host: '127.0.0.1', port, path: target, method: incoming.method, headers: incoming.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    asked.on('error', () => response.destroy())
    incoming.pipe(asked)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
