// The edges of the data plane as the config has them, through a real process: TLS both ways, sockets, checks of targets, limits.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import path from 'node:path'
import tls from 'node:tls'
import { afterEach, describe, expect, test } from '@jest/globals'
import { createAuthority, type Authority, type Issued } from '../support/certificates.ts'
import { connectRaw, field } from '../support/raw-client.ts'
import { request } from '../support/start-data-plane.ts'
import { eventually, prepareGateway, type GatewayOptions, type GatewayProcess } from '../support/gateway-process.ts'

const ROUTES = `
  - { id: open, path: /open, methods: [GET], upstream: registry, session: none, audit: best-effort }
`

let gateway: GatewayProcess
let authority: Authority
const servers: net.Server[] = []
afterEach(async () => {
  await gateway.cleanUp()
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve))
})

async function prepare(options: Partial<GatewayOptions> = {}): Promise<void> {
  gateway = await prepareGateway({ upstreamPort: 9, routes: ROUTES, ...options })
  authority = createAuthority(gateway.home)
}

function edit(from: string | RegExp, to: string): void {
  const text = readFileSync(gateway.configFile, 'utf8')
  if (text.replace(from, '') === text) throw new Error(`the config has no ${String(from)}`)
  writeFileSync(gateway.configFile, text.replace(from, to))
}

const REGISTRY = /\{ registry: .* \}\n/

interface Asked {
  readonly status: number
  readonly body: string
}

/** One request; rejects where there is no whole answer. */
function ask(target = '/open', options: https.RequestOptions = {}): Promise<Asked> {
  const { request } = options.ca === undefined ? http : https
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: gateway.port, path: target, ...options }, (answer) => {
      let body = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => (body += chunk))
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, body })
      })
      answer.on('error', reject)
    })
    sent.on('error', reject)
    sent.end()
  })
}

interface Upstream {
  readonly server: net.Server
  readonly port: number
  requests: string[]
  connections: number
  /** The answer to a request head; undefined: none yet. */
  answer: (head: string) => string | undefined
}

const OK = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`

async function upstreamAt(to: number | string, name: string, secure?: tls.TlsOptions): Promise<Upstream> {
  const accept = (socket: net.Socket): void => {
    let text = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end)
        text = text.slice(end + 4)
        if (!head.startsWith('GET /health')) upstream.requests.push(head)
        const answer = upstream.answer(head)
        if (answer !== undefined) socket.write(answer)
      }
    })
  }
  const server = secure === undefined ? net.createServer(accept) : tls.createServer(secure, accept)
  if (server instanceof tls.Server) server.on('tlsClientError', (_error, socket) => socket.destroy())
  server.on('connection', () => (upstream.connections += 1))
  await new Promise<void>((resolve) => {
    if (typeof to === 'number') server.listen(to, '127.0.0.1', resolve)
    else server.listen(to, resolve)
  })
  servers.push(server)
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const upstream: Upstream = { server, port, requests: [], connections: 0, answer: () => OK(name) }
  return upstream
}

/** Both files, each swapped in one step, as certbot and ConfigMaps do. */
function install({ cert, key }: Pick<Issued, 'cert' | 'key'>, name: string): void {
  for (const [text, extension] of [
    [cert, 'crt'],
    [key, 'key'],
  ] as const) {
    const file = path.join(gateway.home, `${name}.${extension}`)
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
}

/** The name that the listener's certificate stands for. */
function shown(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port: gateway.port, ca: authority.cert }, () => {
      const { subject } = socket.getPeerCertificate()
      socket.destroy()
      resolve(String(subject.CN))
    })
    socket.on('error', reject)
  })
}

describe('a listener of TLS', () => {
  test('takes renewed files and another config under load without one failed request, and asks for client certificates once it must', async () => {
    await prepare({ gatewayExtra: ', tls: { cert: ./gate.crt, key: ./gate.key }', workers: 2 })
    const upstream = await upstreamAt(0, 'registry')
    edit(REGISTRY, `{ registry: { url: "http://127.0.0.1:${upstream.port}" } }\n`)
    install(authority.issue('first'), 'gate')
    await gateway.start()
    expect(await ask('/open', { ca: authority.cert })).toEqual({ status: 200, body: 'registry' })
    expect(upstream.requests[0]).toMatch(/\r\nX-Forwarded-Proto: https\r\n/)
    expect(await shown()).toBe('first')
    await expect(ask()).rejects.toThrow()

    let stopped = false
    const failures: unknown[] = []
    let served = 0
    const load = async (agent: https.Agent): Promise<void> => {
      while (!stopped) {
        await ask('/open', { ca: authority.cert, agent }).then(
          ({ status }) => {
            if (status === 200) served += 1
            else failures.push(status)
          },
          (error: unknown) => failures.push(error),
        )
      }
    }
    const kept = new https.Agent({ keepAlive: true })
    const loads = [load(kept), load(kept), load(new https.Agent({ keepAlive: false }))]
    for (const name of ['second', 'third']) {
      install(authority.issue(name), 'gate')
      expect(await eventually(async () => (await shown()) === name, 15_000)).toBe(true)
    }
    // So is a config by which the clients of the upstream are made anew.
    edit(`:${upstream.port}" }`, `:${upstream.port}", connectTimeout: 2s }`)
    const isRead = (): Promise<boolean> => Promise.resolve(gateway.log().includes('the config was read anew'))
    expect(await eventually(isRead, 15_000)).toBe(true)
    const servedBefore = served
    expect(await eventually(() => Promise.resolve(served > servedBefore + 10))).toBe(true)
    stopped = true
    await Promise.all(loads)
    kept.destroy()
    expect(failures).toEqual([])
    expect(served).toBeGreaterThan(20)

    writeFileSync(path.join(gateway.home, 'clients.crt'), authority.cert)
    edit('key: ./gate.key', 'key: ./gate.key, clientCa: ./clients.crt')
    const refused = async (): Promise<boolean> =>
      ask('/open', { ca: authority.cert, agent: false }).then(
        () => false,
        () => true,
      )
    expect(await eventually(refused, 15_000)).toBe(true)
    for (let count = 0; count < 8; count++) expect(await refused()).toBe(true)
    const { cert, key } = authority.issue('client')
    expect((await ask('/open', { ca: authority.cert, cert, key })).status).toBe(200)
  })
})

describe('an upstream', () => {
  test('may be a unix socket, or ask for our certificate by TLS', async () => {
    await prepare({
      routes: `${ROUTES}  - { id: secret, path: /secret, methods: [GET], upstream: vault, session: none, audit: best-effort }\n`,
    })
    const registry = await upstreamAt(path.join(gateway.home, 'registry.sock'), 'by socket')
    const vault = await upstreamAt(0, 'by TLS', {
      ...authority.issue('vault', { names: ['DNS:vault.internal'] }),
      ca: authority.cert,
      requestCert: true,
      rejectUnauthorized: true,
    })
    install(authority.issue('ours'), 'ours')
    const certificates = 'ca: ./authority.crt, cert: ./ours.crt, key: ./ours.key, serverName: vault.internal'
    edit(
      REGISTRY,
      `{ registry: { url: "unix:./registry.sock" }, vault: { url: "https://127.0.0.1:${vault.port}", tls: { ${certificates} } } }\n`,
    )
    await gateway.start()
    expect(await ask('/open')).toEqual({ status: 200, body: 'by socket' })
    expect(registry.requests[0]).toMatch(/\r\nHost: localhost\r\n/)
    expect(await ask('/secret')).toEqual({ status: 200, body: 'by TLS' })
    // A certificate of ours that is renewed is the one that is shown from then on.
    const before = vault.connections
    install(authority.issue('renewed'), 'ours')
    expect(await eventually(() => Promise.resolve(gateway.log().includes('certificates were read anew')), 15_000)).toBe(
      true,
    )
    expect(await ask('/secret')).toEqual({ status: 200, body: 'by TLS' })
    expect(vault.connections).toBe(before + 1)
  })

  test('whose target fails its checks is asked at the others, until it is well again; the last is never taken out', async () => {
    await prepare({ workers: 2 })
    const [one, two] = [await upstreamAt(0, 'one'), await upstreamAt(0, 'two')]
    const health = 'health: { path: /health, interval: 100ms, timeout: 1s, healthyAfter: 2, unhealthyAfter: 2 }'
    edit(
      REGISTRY,
      `{ registry: { targets: ["http://127.0.0.1:${one.port}", "http://127.0.0.1:${two.port}"], ${health} } }\n`,
    )
    await gateway.start()
    const fail = (upstream: Upstream, name: string, isDown: boolean): void => {
      upstream.answer = (head) =>
        isDown && head.startsWith('GET /health') ? 'HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n' : OK(name)
    }
    const up = async (): Promise<readonly string[]> =>
      [...(await (await gateway.api('/metrics')).text()).matchAll(/upstream_target_up\{.*target="(\d)"\} (\d)/g)].map(
        ([, target, value]) => `${target} ${value}`,
      )
    const isUp = (...states: readonly string[]): Promise<boolean> =>
      eventually(async () => (await up()).join() === states.join(), 15_000)
    const answers = async (): Promise<readonly string[]> => {
      const bodies = []
      for (let count = 0; count < 12; count++) bodies.push((await ask('/open', { agent: false })).body)
      return [...new Set(bodies)].sort()
    }
    expect(await isUp('0 1', '1 1')).toBe(true)
    expect(await answers()).toEqual(['one', 'two'])
    fail(one, 'one', true)
    expect(await isUp('0 0', '1 1')).toBe(true)
    expect(await answers()).toEqual(['two'])
    expect(gateway.log()).toMatch(/a target is down by its checks.*"detail":"answers 500"/)
    fail(two, 'two', true)
    expect(await isUp('0 0', '1 0')).toBe(true)
    expect(await answers()).toEqual(['one', 'two'])
    fail(one, 'one', false)
    expect(await isUp('0 1', '1 0')).toBe(true)
    expect(await answers()).toEqual(['one'])
    // Known of it still is what was found, where a reload leaves it as it was.
    edit('timeout: 1s', 'timeout: 2s')
    expect(await eventually(() => Promise.resolve(gateway.log().includes('the config was read anew')), 15_000)).toBe(
      true,
    )
    expect(await answers()).toEqual(['one'])
    fail(two, 'two', false)
    expect(await isUp('0 1', '1 1')).toBe(true)
    expect(await answers()).toEqual(['one', 'two'])
  })

  test('that has all that it may have is given no more: 503, and counted', async () => {
    await prepare()
    const upstream = await upstreamAt(0, 'registry')
    edit(
      REGISTRY,
      `{ registry: { url: "http://127.0.0.1:${upstream.port}", maxInFlight: 1, queue: { requests: 1, timeout: 300ms } } }\n`,
    )
    await gateway.start()
    upstream.answer = () => undefined
    const open = ask().catch((error: unknown) => error)
    expect(await eventually(() => Promise.resolve(upstream.requests.length === 1))).toBe(true)
    // One of the two waits, the other is turned away at once; then the wait is over as well.
    expect((await Promise.all([ask(), ask()])).map(({ status }) => status)).toEqual([503, 503])
    const metrics = await (await gateway.api('/metrics')).text()
    expect(metrics).toMatch(/portcullis_upstream_overloaded_total\{upstream="registry",reason="queue-full"\} 1\n/)
    expect(metrics).toMatch(/portcullis_upstream_overloaded_total\{upstream="registry",reason="queue-timeout"\} 1\n/)
    expect(upstream.requests.length).toBe(1)
    await gateway.stop('SIGKILL')
    await open
  })
})

describe('limits', () => {
  test('of the config are those of the listener, and a reload replaces them', async () => {
    const limits = 'limits: { urlBytes: 300B, requestsPerConnection: 2, connectionsPerAddress: 3 }'
    await prepare({ gatewayExtra: `, ${limits}` })
    const upstream = await upstreamAt(0, 'registry')
    edit(REGISTRY, `{ registry: { url: "http://127.0.0.1:${upstream.port}" } }\n`)
    await gateway.start()
    const held = await Promise.all(Array.from({ length: 3 }, () => connectRaw(gateway.port)))
    const GET = request('GET', '/open')
    for (const client of held) {
      client.write(GET)
      expect(field(await client.response(), 'connection')).toBeUndefined()
    }
    await expect(ask('/open', { agent: false })).rejects.toThrow('ECONNRESET')
    for (const client of held) {
      client.write(GET)
      expect(field(await client.response(), 'connection')).toBe('close')
      await client.ended
      client.close()
    }
    const long = `/open?${'a'.repeat(300)}`
    const tried = (): Promise<number> =>
      ask(long, { agent: false }).then(
        ({ status }) => status,
        () => 0,
      )
    expect(await eventually(async () => (await tried()) === 414)).toBe(true)
    const metrics = await (await gateway.api('/metrics')).text()
    expect(metrics).toMatch(/portcullis_connections_refused_total\{limit="address"\} [1-9]/)
    expect(metrics).toMatch(
      /portcullis_http_requests_total\{route="none",method="OTHER",code="414",decision="rejected"\} 1\n/,
    )
    edit('urlBytes: 300B', 'urlBytes: 1KiB')
    expect(await eventually(async () => (await ask(long).catch(() => ({ status: 0 }))).status === 200, 15_000)).toBe(
      true,
    )
  })
})
