// `npm run bench`: CPU a request and requests a second beside nginx and HAProxy, same upstream, same load, pinned, rounds in turn.
// Usage: npm run bench -- [--rounds 3] [--seconds 6] [--connections 64]
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { measure, median, writeScript, type Reading } from './load.ts'
import { haproxyChecksConfig, haproxyPlainConfig, nginxConfig, upstreamConfig } from './peers.ts'
import { residentBytes, startPinned, stopAll } from './process.ts'

const root = path.resolve(import.meta.dirname, '../..')
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '6' },
    connections: { type: 'string', default: '64' },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const connections = Number(values.connections)
const dir = mkdtempSync(path.join(os.tmpdir(), 'portcullis-bench-'))

const missing = ['nginx', 'haproxy', 'wrk', 'taskset'].filter(
  (program) => !['/usr/bin', '/usr/sbin', '/bin', '/sbin'].some((each) => existsSync(path.join(each, program))),
)
if (missing.length > 0) {
  console.error(`npm run bench needs ${missing.join(', ')} (on Debian: apt-get install nginx haproxy wrk util-linux).`)
  process.exit(1)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
function token(n: number): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: 'https://otp.example.in',
    aud: 'registry',
    sub: `u${String(n)}`,
    sid: `s${String(n)}`,
    iat: now,
    exp: now + 3600,
    auth_time: now,
    amr: ['otp'],
  }
  const input = `${b64({ alg: 'ES256', kid: 'k1', typ: 'JWT' })}.${b64(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

const readToken = 'bench'

/** A gateway with every check on; `audit` is the duty of its one route. */
async function startGateway(
  name: string,
  upstream: number,
  audit: 'strict' | 'best-effort',
  frozen = false,
): Promise<{ port: number; pid: number }> {
  const [port, control] = [await freePort(), await freePort()]
  const home = path.join(dir, name)
  const file = path.join(dir, `${name}.yaml`)
  writeFileSync(
    path.join(dir, 'jwks.json'),
    JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }] }),
  )
  writeFileSync(
    file,
    `gateway: { listen: "127.0.0.1:${String(port)}", workers: 1, limits: { requestsPerConnection: 1000000 } }
control: { listen: "127.0.0.1:${String(control)}", responders: [], readToken: { sha256: "${createHash('sha256').update(readToken).digest('hex')}" } }
store: { kind: embedded, dir: ${home} }
upstreams: { registry: { url: "http://127.0.0.1:${String(upstream)}" } }
session: { issuers: [{ issuer: "https://otp.example.in", jwks: { file: ./jwks.json }, algorithms: [ES256], audience: registry, otp: { amr: [otp] } }] }
routes: [{ id: rec, path: "/api/v2/beneficiaries/{id}", methods: [GET], upstream: registry, tags: [pii], lock: ${frozen ? 'deny' : 'open'}, session: required, audit: ${audit}, throttle: { requests: 100000000/m } }]
`,
  )
  const log: string[] = []
  const child = startPinned(
    0,
    process.execPath,
    ['--disable-warning=ExperimentalWarning', path.join(root, 'src/main.ts'), 'serve', '--config', file],
    (text) => log.push(text),
  )
  for (let tries = 0; tries < 150; tries++) {
    if (
      await fetch(`http://127.0.0.1:${String(control)}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return { port, pid: child.pid ?? 0 }
    await delay(100)
  }
  throw new Error(`the gateway was not ready: ${log.join('')}`)
}

function startPeer(program: string, args: readonly string[], port: number): { port: number; pid: number } {
  return { port, pid: startPinned(0, program, args).pid ?? 0 }
}

const STRICT = 'portcullis, all checks, strict'
const BEST_EFFORT = 'portcullis, all checks, best-effort'
const FROZEN = 'portcullis, frozen (refusals)'
const HAPROXY_CHECKS = 'haproxy, same checks'
const NGINX = 'nginx, plain'
const HTTP_PROXY = 'http-proxy 1.18.1, plain'

try {
  const upstream = await freePort()
  startPinned(1, 'nginx', ['-c', upstreamConfig(dir, upstream)])
  const [nginx, plain, checks, naive, floor] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const peer = (name: string): string => path.join(import.meta.dirname, name)
  const arms = {
    [STRICT]: await startGateway('strict', upstream, 'strict'),
    [BEST_EFFORT]: await startGateway('best-effort', upstream, 'best-effort'),
    [FROZEN]: await startGateway('frozen', upstream, 'best-effort', true),
    [HAPROXY_CHECKS]: startPeer(
      'haproxy',
      ['-db', '-f', haproxyChecksConfig(dir, checks, upstream, publicKey.export({ type: 'spki', format: 'pem' }))],
      checks,
    ),
    'haproxy, plain': startPeer('haproxy', ['-db', '-f', haproxyPlainConfig(dir, plain, upstream)], plain),
    [NGINX]: startPeer('nginx', ['-c', nginxConfig(dir, nginx, upstream)], nginx),
    [HTTP_PROXY]: startPeer(process.execPath, [peer('http-proxy-peer.mjs'), String(naive), String(upstream)], naive),
    'node:http alone, no proxying': startPeer(process.execPath, [peer('floor-peer.mjs'), String(floor)], floor),
  }
  await delay(1000)
  const script = writeScript(
    dir,
    Array.from({ length: 1000 }, (_, n) => token(n)),
  )
  const readings = new Map<string, Reading[]>(Object.keys(arms).map((name) => [name, []]))
  // The first round warms up and is thrown away.
  for (let round = 0; round <= rounds; round++) {
    for (const [name, { port, pid }] of Object.entries(arms)) {
      const reading = await measure({ script, port, pid, seconds: round === 0 ? 2 : seconds, connections })
      if (round > 0) readings.get(name)?.push(reading)
    }
  }
  const figure = (name: string, read: (reading: Reading) => number): number =>
    median((readings.get(name) ?? []).map(read))
  const cpu = (name: string): number => figure(name, (each) => each.cpuUs)
  const rate = (name: string): number => figure(name, (each) => each.perSecond)
  console.log(
    `${String(rounds)} rounds of ${String(seconds)} s, ${String(connections)} connections; gate on core 0, wrk and upstream on core 1; medians\n`,
  )
  console.log(
    `${'arm'.padEnd(38)}${'CPU us/request'.padStart(15)}${'requests/s'.padStart(12)}${'p99 ms'.padStart(9)}${'refused'.padStart(10)}${'memory MB'.padStart(11)}`,
  )
  for (const [name, { pid }] of Object.entries(arms)) {
    const cells = [
      cpu(name).toFixed(1).padStart(15),
      rate(name).toFixed(0).padStart(12),
      figure(name, (each) => each.p99Ms)
        .toFixed(2)
        .padStart(9),
      String(figure(name, (each) => each.refused)).padStart(10),
      (residentBytes(pid) / 1e6).toFixed(0).padStart(11),
    ]
    console.log(name.padEnd(38) + cells.join(''))
  }
  // A tenth past the line is this machine's noise; more is a target that was missed.
  const missed: string[] = []
  const ratio = (label: string, value: number, target?: { readonly min?: number; readonly max?: number }): void => {
    const { min = 0, max = Infinity } = target ?? {}
    const isMissed = value < min * 0.9 || value > max * 1.1
    if (isMissed) missed.push(label)
    const wanted = target === undefined ? '' : min > 0 ? `at least ${min.toFixed(2)}` : `at most ${max.toFixed(2)}`
    console.log(`${label.padEnd(70)}${`${value.toFixed(2)}x`.padStart(8)}  ${wanted}${isMissed ? ' MISSED' : ''}`)
  }
  console.log('')
  ratio(`requests/s: ${STRICT} / ${HAPROXY_CHECKS}`, rate(STRICT) / rate(HAPROXY_CHECKS), { min: 2 })
  ratio(`CPU: ${STRICT} / ${HAPROXY_CHECKS}`, cpu(STRICT) / cpu(HAPROXY_CHECKS))
  ratio(`CPU: ${STRICT} / ${NGINX}`, cpu(STRICT) / cpu(NGINX), { max: 2.2 })
  ratio(`CPU: ${BEST_EFFORT} / ${NGINX}`, cpu(BEST_EFFORT) / cpu(NGINX), { max: 1.7 })
  ratio(`CPU: ${STRICT} / haproxy, plain`, cpu(STRICT) / cpu('haproxy, plain'))
  ratio(`CPU: ${STRICT} / ${HTTP_PROXY}`, cpu(STRICT) / cpu(HTTP_PROXY), { max: 0.4 })
  ratio(`CPU: ${FROZEN} / ${STRICT}`, cpu(FROZEN) / cpu(STRICT), { max: 0.35 })
  if (missed.length > 0) process.exitCode = 1
} finally {
  stopAll()
  await delay(500)
  rmSync(dir, { recursive: true, force: true })
}
