// Starting and stopping: one clear line and nothing half-started, or everything finished and the trail sealed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import path from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { verifyTrail } from '../../src/audit/verify.ts'
import {
  DEFAULT_ROUTES,
  eventually,
  MAIN,
  NODE_FLAGS,
  prepareGateway,
  runCommand,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function prepare(upstreamPort?: number, routes = DEFAULT_ROUTES): Promise<GatewayProcess> {
  const gateway = await prepareGateway({ upstreamPort: upstreamPort ?? 9, routes })
  cleanUps.push(() => gateway.cleanUp())
  return gateway
}

async function serve(configFile: string): Promise<{ code: number | null; lines: string[] }> {
  const { code, stdout, stderr } = await runCommand(['serve', '--config', configFile])
  // Operational log lines are JSON; what is told to the operator is the rest.
  return { code, lines: `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !line.startsWith('{')) }
}

test('a port that another process has: one line, exit 1, and the store is free again', async () => {
  const gateway = await prepare()
  const other = net.createServer()
  await new Promise<void>((resolve) => other.listen(gateway.port, '127.0.0.1', resolve))
  cleanUps.push(() => new Promise((resolve) => other.close(resolve)))
  const { code, lines } = await serve(gateway.configFile)
  expect(code).toBe(1)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain(`127.0.0.1:${gateway.port}`)
  await new Promise((resolve) => other.close(resolve))
  await gateway.start()
})

test('a control port that is taken: one line, exit 1', async () => {
  const gateway = await prepare()
  const other = net.createServer()
  await new Promise<void>((resolve) => other.listen(gateway.controlPort, '127.0.0.1', resolve))
  cleanUps.push(() => new Promise((resolve) => other.close(resolve)))
  const { code, lines } = await serve(gateway.configFile)
  expect(code).toBe(1)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain(`127.0.0.1:${gateway.controlPort}`)
})

test('a second gateway over the same ports or the same store: one line each, and the first goes on', async () => {
  const first = await prepare()
  await first.start()
  const second = await serve(first.configFile)
  expect(second.code).toBe(1)
  expect(second.lines).toHaveLength(1)
  const other = await prepare()
  const config = readFileSync(other.configFile, 'utf8').replace(
    'dir: ./data,',
    `dir: ${path.join(first.home, 'data')},`,
  )
  writeFileSync(other.configFile, config)
  const third = await serve(other.configFile)
  expect(third.code).toBe(1)
  expect(third.lines).toHaveLength(1)
  expect(third.lines[0]).toContain(path.join(first.home, 'data'))
  expect((await fetch(`http://127.0.0.1:${first.controlPort}/healthz`)).status).toBe(200)
})

test('a copy of the store that would go on with the same trail: one line, and the first goes on', async () => {
  const [first, copy] = [await prepare(), await prepare()]
  const trail = path.join(first.home, 'trail')
  for (const { configFile } of [first, copy])
    writeFileSync(configFile, readFileSync(configFile, 'utf8').replace('dir: ./data/audit', `dir: ${trail}`))
  await first.start()
  mkdirSync(path.join(copy.home, 'data'))
  copyFileSync(path.join(first.home, 'data/gateway.key'), path.join(copy.home, 'data/gateway.key'))
  const { code, lines } = await serve(copy.configFile)
  expect([code, lines]).toEqual([1, [expect.stringMatching(/trail\.lock is in use by another gateway/)]])
  expect(await first.stop()).toBe(0)
  expect((await verifyTrail(trail)).problems).toEqual([])
})

test('a key file that is missing: one line that names it, exit 1', async () => {
  const gateway = await prepare()
  rmSync(path.join(gateway.home, 'jwks.json'))
  const { code, lines } = await serve(gateway.configFile)
  expect(code).toBe(1)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('jwks.json')
})

test('a data directory that cannot be written: one line that names it, exit 1', async () => {
  const gateway = await prepare()
  // A file where the directory would be: root, too, cannot write into that.
  writeFileSync(path.join(gateway.home, 'data'), '')
  const { code, lines } = await serve(gateway.configFile)
  expect(code).toBe(1)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain(path.join(gateway.home, 'data'))
  chmodSync(gateway.home, 0o700)
})

test('a config with mistakes: each with line and column, exit 2', async () => {
  const gateway = await prepare()
  const config = readFileSync(gateway.configFile, 'utf8')
    .replace('stale: frozen', 'stale: frosen')
    .replace('releaseApprovals: 2', 'releaseAprovals: 2')
  writeFileSync(gateway.configFile, config)
  const { code, lines } = await serve(gateway.configFile)
  expect(code).toBe(2)
  expect(lines.filter((line) => /portcullis\.yaml:\d+:\d+: /.test(line)).length).toBeGreaterThanOrEqual(2)
  expect(lines.join('\n')).toContain('releaseApprovals')
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s: what is in flight finishes, the trail is sealed, exit 0',
  async (signal) => {
    const open: http.ServerResponse[] = []
    const upstream = http.createServer((_request, response) => {
      open.push(response)
    })
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    cleanUps.push(() => {
      upstream.closeAllConnections()
      return new Promise((resolve) => upstream.close(resolve))
    })
    const routes = '  - { id: slow, path: /slow, methods: [GET], upstream: registry, session: none }\n'
    const gateway = await prepare((upstream.address() as AddressInfo).port, routes)
    await gateway.start()
    const answer = gateway.get('/slow')
    expect(await eventually(async () => open.length > 0)).toBe(true)
    const stopped = gateway.stop(signal)
    // Ctrl-C through npm: the terminal tells it, and npm does too.
    gateway.child().kill('SIGTERM')
    // New callers are refused while the open one is waited for.
    expect(
      await eventually(async () =>
        fetch(`${gateway.url}/slow`, { signal: AbortSignal.timeout(500) }).then(
          () => false,
          () => true,
        ),
      ),
    ).toBe(true)
    for (const response of open) response.end('{"finished":true}')
    expect(await (await answer).json()).toEqual({ finished: true })
    expect(await stopped).toBe(0)
    expect(readdirSync(path.join(gateway.home, 'data/audit'))).not.toContain('wal')
    const verified = await runCommand(['audit', 'verify', path.join(gateway.home, 'data/audit')])
    expect(verified.code).toBe(0)
  },
)

test('upstream down: 502 as problem+json, recorded, and the gateway stays up', async () => {
  const gateway = await prepare()
  await gateway.start()
  const answer = await gateway.get('/api/v2/facilities')
  expect(answer.status).toBe(502)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  const upstream = await startRawUpstream()
  cleanUps.push(() => upstream.close())
  writeFileSync(
    gateway.configFile,
    readFileSync(gateway.configFile, 'utf8').replace('http://127.0.0.1:9"', `http://127.0.0.1:${upstream.port}"`),
  )
  expect(await eventually(async () => (await gateway.get('/api/v2/facilities')).status === 200)).toBe(true)
})

test('a good reload is taken without a failed request, a bad one is named and left', async () => {
  const upstream = await startRawUpstream()
  cleanUps.push(() => upstream.close())
  const gateway = await prepare(upstream.port)
  await gateway.start()
  let reloading = true
  const statuses = new Map<number, number>()
  const load = (async () => {
    while (reloading) {
      const { status } = await gateway.get('/api/v2/facilities')
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  })()
  const config = readFileSync(gateway.configFile, 'utf8')
  for (let n = 1; n <= 3; n++) {
    writeFileSync(
      gateway.configFile,
      `${config}  - { id: added${n}, path: /added/${n}, methods: [GET], upstream: registry, session: none }\n`,
    )
    expect(await eventually(async () => (await gateway.get(`/added/${n}`)).status === 200)).toBe(true)
  }
  writeFileSync(gateway.configFile, config.replace('session: required', 'session: requierd'))
  const status = async (): Promise<{ problems: string[] }> =>
    (await (await gateway.api('/api/v1/status')).json()) as { problems: string[] }
  expect(await eventually(async () => (await status()).problems.some((problem) => problem.includes('requierd')))).toBe(
    true,
  )
  reloading = false
  await load
  expect([...statuses.keys()]).toEqual([200])
})

test('a gateway whose config has no gateway section serves the control plane alone', async () => {
  const gateway = await prepare()
  writeFileSync(gateway.configFile, readFileSync(gateway.configFile, 'utf8').replace(/^gateway: .*\n/m, ''))
  await gateway.start()
  expect((await gateway.api('/api/v1/status')).status).toBe(200)
})

test('kill -9 of a gateway frees its store at once', async () => {
  const gateway = await prepare()
  mkdirSync(path.join(gateway.home, 'data'), { recursive: true })
  await gateway.start()
  await gateway.stop('SIGKILL')
  const again = spawn(process.execPath, [...NODE_FLAGS, MAIN, 'serve', '--config', gateway.configFile], {
    stdio: 'ignore',
  })
  expect(
    await eventually(async () =>
      fetch(`http://127.0.0.1:${gateway.controlPort}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      ),
    ),
  ).toBe(true)
  const gone = once(again, 'exit')
  again.kill('SIGKILL')
  await gone
})
