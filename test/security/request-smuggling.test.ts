// The differential example of what must not happen: http-proxy 1.18.1 makes a hidden request of a chunked DELETE; we do not.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRequire } from 'node:module'
import { expect, test } from '@jest/globals'
import { connectRaw } from '../support/raw-client.ts'
import { turns, useRig } from '../support/rig.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'

const start = useRig()
const HIDDEN = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
const ATTACK =
  'DELETE /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' +
  `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`

interface HttpProxy {
  web(request: http.IncomingMessage, response: http.ServerResponse): void
  on(event: 'error', listener: (error: Error) => void): void
  close(): void
}

interface HttpProxyModule {
  createProxyServer(options: { readonly target: string; readonly agent: http.Agent }): HttpProxy
}

test('http-proxy 1.18.1 over a kept-alive agent hands the upstream a request that nobody judged', async () => {
  // CommonJS: its types would name an API that we do not use.
  const { createProxyServer } = createRequire(import.meta.url)('http-proxy') as HttpProxyModule
  const upstream = await startRawUpstream(() => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  const agent = new http.Agent({ keepAlive: true })
  const proxy = createProxyServer({ target: `http://127.0.0.1:${upstream.port}`, agent })
  proxy.on('error', () => undefined)
  const server = http.createServer((request, response) => {
    // A gateway that had judged the request would let it pass: its path is open.
    proxy.web(request, response)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const client = await connectRaw((server.address() as AddressInfo).port)
  try {
    client.write(ATTACK)
    await client.response()
    await turns(100)
    const lines = upstream.connections.flatMap(
      ({ bytes }) => bytes.toString('latin1').match(/^[A-Z]+ \S+ HTTP\/1\.1/gm) ?? [],
    )
    const head = upstream.requests[0]?.head ?? ''
    // The body has lost its framing: Content-Length says 0, and the hidden request stands where the next one is read.
    expect(head).toMatch(/content-length: 0/i)
    expect(head).not.toMatch(/transfer-encoding/i)
    expect(lines).toContain('GET /smuggled HTTP/1.1')
  } finally {
    client.close()
    server.closeAllConnections()
    server.close()
    agent.destroy()
    await upstream.close()
  }
})

test('this gateway hands it the body as a body', async () => {
  const { plane, upstream } = await start({ routes: [{ path: '/open', methods: ['GET', 'DELETE'] }] })
  const client = await plane.connect()
  client.write(ATTACK)
  expect((await client.response()).status).toBe(200)
  await turns(100)
  expect(upstream.requests.map(({ method, target, body }) => [method, target, body.toString()])).toEqual([
    ['DELETE', '/open', HIDDEN],
  ])
})
