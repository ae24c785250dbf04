// The gateway under measurement, with every check on, and the sessions that ask it.
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startPinned } from './process.ts'

const root = path.resolve(import.meta.dirname, '../..')
const readToken = 'bench'

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

export interface GatewayOptions {
  readonly name: string
  readonly upstream: number
  /** The duty of its one route. */
  readonly audit: 'strict' | 'best-effort' | 'off'
  readonly frozen?: boolean
  readonly workers?: number
  /** Cores that it may use, as taskset takes them. */
  readonly cores?: string
  /** For Node, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[]
}

export interface Sessions {
  readonly publicKeyPem: string
  readonly tokens: readonly string[]
  startGateway(options: GatewayOptions): Promise<{ readonly port: number; readonly pid: number }>
}

/** A thousand sessions of one issuer, ES256. Files go to `dir`. */
export function createSessions(dir: string): Sessions {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }
  writeFileSync(path.join(dir, 'jwks.json'), JSON.stringify({ keys: [jwk] }))
  const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = (n: number): string => {
    const now = Math.floor(Date.now() / 1000)
    const who = { iss: 'https://otp.example.in', aud: 'registry', sub: `u${String(n)}`, sid: `s${String(n)}` }
    const claims = { ...who, iat: now, exp: now + 3600, auth_time: now, amr: ['otp'] }
    const input = `${b64({ alg: 'ES256', kid: 'k1', typ: 'JWT' })}.${b64(claims)}`
    const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${input}.${signature.toString('base64url')}`
  }
  return {
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    tokens: Array.from({ length: 1000 }, (_, n) => token(n)),
    startGateway: (options) => startGateway(dir, options),
  }
}

async function startGateway(dir: string, options: GatewayOptions): Promise<{ port: number; pid: number }> {
  const { name, upstream, audit, frozen = false, workers = 1, cores = '0', nodeArgs = [] } = options
  const [port, control] = [await freePort(), await freePort()]
  const file = path.join(dir, `${name}.yaml`)
  writeFileSync(
    file,
    `gateway: { listen: "127.0.0.1:${String(port)}", workers: ${String(workers)}, limits: { requestsPerConnection: 1000000, connections: 20000, connectionsPerAddress: 20000 } }
control: { listen: "127.0.0.1:${String(control)}", responders: [], readToken: { sha256: "${createHash('sha256').update(readToken).digest('hex')}" } }
store: { kind: embedded, dir: ${path.join(dir, name)} }
upstreams: { registry: { url: "http://127.0.0.1:${String(upstream)}" } }
session: { issuers: [{ issuer: "https://otp.example.in", jwks: { file: ./jwks.json }, algorithms: [ES256], audience: registry, otp: { amr: [otp] } }] }
routes: [{ id: rec, path: "/api/v2/beneficiaries/{id}", methods: [GET], upstream: registry, tags: [pii], lock: ${frozen ? 'deny' : 'open'}, session: required, audit: ${audit}, throttle: { requests: 100000000/m } }]
`,
  )
  const log: string[] = []
  const child = startPinned(
    cores,
    process.execPath,
    [...nodeArgs, '--disable-warning=ExperimentalWarning', path.join(root, 'src/main.ts'), 'serve', '--config', file],
    (text) => log.push(text),
  )
  await answering(control, '/readyz').catch((error: unknown) => {
    throw new Error(`the gateway was not ready: ${log.join('')}`, { cause: error })
  })
  return { port, pid: child.pid ?? 0 }
}

/** Resolves once the address answers; rejects after 15 s. */
export async function answering(port: number, at = '/'): Promise<void> {
  const until = performance.now() + 15_000
  for (;;) {
    const status = await fetch(`http://127.0.0.1:${String(port)}${at}`).then(
      (answer) => answer.status,
      () => 0,
    )
    if (status !== 0 && status !== 503) return
    if (performance.now() > until) throw new Error(`nothing answers at port ${String(port)}`)
    await delay(100)
  }
}
