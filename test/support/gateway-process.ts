// A real gateway process before a raw recording upstream, as a stranger would run it: config file, signed orders, signed sessions.
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from './free-port.ts'

const root = path.resolve(import.meta.dirname, '../..')
export const MAIN = path.join(root, 'src/main.ts')
export const NODE_FLAGS = ['--disable-warning=ExperimentalWarning']
/** It takes a second; the rest is for a machine that is busy. */
const START_LIMIT_MS = 60_000

export interface Person {
  readonly name: string
  readonly role: string
  readonly key: string
  readonly privateKey: KeyObject
}

export function makePerson(name: string, role: string): Person {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { name, role, privateKey, key: publicKey.export({ format: 'jwk' }).x ?? '' }
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const seconds = (): number => Math.floor(Date.now() / 1000)

export function signOrder(who: Person, order: Record<string, unknown>, over: Record<string, unknown> = {}): string {
  const input = `${encode({ alg: 'EdDSA', typ: 'portcullis-order+jwt', kid: who.name })}.${encode({ iss: who.name, iat: seconds(), jti: randomUUID(), order, ...over })}`
  return `${input}.${sign(null, Buffer.from(input), who.privateKey).toString('base64url')}`
}

export const LOCK_ALL = { kind: 'lock', scope: { all: true }, reason: 'leak suspected', incident: 'INC-7' }

/** An issuer whose tokens the gateway takes. */
export function makeIssuer(issuer = 'https://otp.example.in') {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    issuer,
    jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }] },
    token(claims: Record<string, unknown> = {}): string {
      const now = seconds()
      const input = `${encode({ alg: 'ES256', kid: 'k1', typ: 'JWT' })}.${encode({ iss: issuer, aud: 'registry', sub: 'citizen-1', sid: randomUUID(), iat: now, exp: now + 3600, auth_time: now, amr: ['otp'], ...claims })}`
      return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
    },
  }
}

export interface Upstream {
  readonly port: number
  /** Every byte that came, connection after connection, as latin-1. */
  received(): string
  close(): Promise<void>
}

/** Records every byte; answers each request head with what `answer` writes. */
export async function startRawUpstream(
  answer: (socket: net.Socket, head: string) => void = (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"from":"real"}')
  },
): Promise<Upstream> {
  const chunks: Buffer[][] = []
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    const mine: Buffer[] = []
    let answered = 0
    chunks.push(mine)
    sockets.add(socket)
    socket.on('data', (data: Buffer) => {
      mine.push(data)
      const heads = Buffer.concat(mine).toString('latin1').split('\r\n\r\n').slice(0, -1)
      for (const head of heads.slice(answered)) {
        answered += 1
        answer(socket, head)
      }
    })
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as net.AddressInfo).port,
    received: () => chunks.map((each) => Buffer.concat(each).toString('latin1')).join(''),
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export interface GatewayOptions {
  readonly upstreamPort: number
  /** YAML of the routes, each line indented as a list. */
  readonly routes: string
  readonly workers?: number
  readonly extra?: string
  readonly gatewayExtra?: string
  readonly upstreamExtra?: string
  /** More keys of the audit section, in flow style, each with a comma before it. */
  readonly auditExtra?: string
  /** Where the gateway's files lie; by default a directory of its own, removed by cleanUp. */
  readonly home?: string
  readonly people?: readonly Person[]
  /** No data plane: a member of a fleet that only carries orders. */
  readonly isControlOnly?: boolean
  /** Further flags of Node, and environment of the process. */
  readonly nodeFlags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The `store` section in flow style; by default the embedded one. */
  readonly store?: string
  /** Further lines of the `session` section, indented. */
  readonly sessionExtra?: string
  /** One for a fleet. */
  readonly pseudonymKeyFile?: string
  /** More of the `audit` section, in flow style. */
  readonly audit?: string
}

export interface GatewayProcess {
  readonly home: string
  readonly configFile: string
  readonly port: number
  readonly controlPort: number
  readonly people: readonly Person[]
  readonly issuer: ReturnType<typeof makeIssuer>
  readonly readToken: string
  readonly url: string
  readonly log: () => string
  readonly child: () => ChildProcess
  /** Until it is ready, or only answers: a gateway in posture is not ready. */
  start(until?: '/readyz' | '/healthz'): Promise<void>
  /** Sends the signal and resolves with the exit code (or the signal's name) once the process is gone. */
  stop(signal?: NodeJS.Signals): Promise<number | string>
  /**
   * What opens, or founds, is refused with 503 where a disk does not keep it within 250 ms, and has then changed nothing: on a busy
   * machine it is given again, as a person would.
   */
  order(jws: string, query?: string): Promise<Response>
  /** With the read token. */
  api(path: string, init?: RequestInit): Promise<Response>
  get(path: string, token?: string): Promise<Response>
  cleanUp(): Promise<void>
}

export const DEFAULT_ROUTES = `
  - { id: record.read, path: "/api/v2/records/{recordId}", methods: [GET], upstream: registry, tags: [pii], session: { level: required, maxAge: 15m, bind: { param.recordId: claim.record_ids } } }
  - { id: record.write, path: /api/v2/records, methods: [POST], upstream: registry, tags: [pii], session: none }
  - { id: facilities, path: /api/v2/facilities, methods: [GET], upstream: registry, session: none, audit: best-effort }
`

/** Writes the config and prepares the process; `start` runs it until it is ready. */
export async function prepareGateway(options: GatewayOptions): Promise<GatewayProcess> {
  const home = options.home ?? mkdtempSync(path.join(os.tmpdir(), 'portcullis-e2e-'))
  const people = options.people ?? [
    makePerson('night-desk', 'responder'),
    makePerson('lead', 'commander'),
    makePerson('chief', 'commander'),
  ]
  const issuer = makeIssuer()
  const [port, controlPort] = [await freePort(), await freePort()]
  const readToken = randomUUID()
  writeFileSync(path.join(home, 'locks.yaml'), 'freeze: false\n')
  writeFileSync(path.join(home, 'jwks.json'), JSON.stringify(issuer.jwks))
  const configFile = path.join(home, 'portcullis.yaml')
  writeFileSync(
    configFile,
    `${options.isControlOnly === true ? '' : `gateway: { listen: "127.0.0.1:${port}", workers: ${options.workers ?? 1}${options.gatewayExtra ?? ''} }`}
control:
  listen: "127.0.0.1:${controlPort}"
  responders: [${people.map(({ name, role, key }) => `{ name: ${name}, role: ${role}, key: "${key}" }`).join(', ')}]
  releaseApprovals: 2
  readToken: { sha256: "${createHash('sha256').update(readToken).digest('hex')}" }
store: ${options.store ?? '{ kind: embedded, dir: ./data, lease: 2s }'}
upstreams: { registry: { url: "http://127.0.0.1:${options.upstreamPort}"${options.upstreamExtra ?? ''} } }
defaults: { session: required, stale: frozen, audit: strict }
session:
  issuers: [{ issuer: "${issuer.issuer}", jwks: { file: ./jwks.json }, algorithms: [ES256], audience: registry, otp: { amr: [otp, sms] } }]
${options.sessionExtra ?? ''}
audit: { dir: ./data/audit, retention: 180d, reserve: 16MiB${options.auditExtra ?? ''}${options.pseudonymKeyFile === undefined ? '' : `, pseudonyms: { keyFile: "${options.pseudonymKeyFile}" }`}${options.audit === undefined ? '' : `, ${options.audit}`} }
locks: { file: ./locks.yaml }
${options.extra ?? ''}
routes:
${options.routes}
`,
  )
  let child: ChildProcess | undefined
  let log = ''
  const url = `http://127.0.0.1:${port}`
  const control = `http://127.0.0.1:${controlPort}`
  const gateway: GatewayProcess = {
    home,
    configFile,
    port,
    controlPort,
    people,
    issuer,
    readToken,
    url,
    log: () => log,
    child: () => {
      if (child === undefined) throw new Error('the gateway has not been started')
      return child
    },
    async start(until = '/readyz') {
      const started = spawn(
        process.execPath,
        [...NODE_FLAGS, ...(options.nodeFlags ?? []), MAIN, 'serve', '--config', configFile],
        {
          stdio: ['ignore', 'pipe', 'pipe'],
          env: { ...process.env, ...options.env },
        },
      )
      child = started
      const hear = (chunk: Buffer): void => {
        log += chunk.toString()
      }
      started.stdout.on('data', hear)
      started.stderr.on('data', hear)
      const limit = Date.now() + START_LIMIT_MS
      while (Date.now() < limit) {
        if (started.exitCode !== null || started.signalCode !== null) throw new Error(`the gateway ended: ${log}`)
        if (
          await fetch(`${control}${until}`).then(
            (answer) => answer.ok,
            () => false,
          )
        )
          return
        await delay(25)
      }
      throw new Error(`the gateway was not ready: ${log}`)
    },
    async stop(signal = 'SIGTERM') {
      const running = child
      if (running === undefined) return 0
      if (running.exitCode === null && running.signalCode === null) {
        const gone = new Promise((resolve) => running.once('exit', resolve))
        running.kill(signal)
        await gone
      }
      return running.exitCode ?? running.signalCode ?? 0
    },
    async order(jws, query = '') {
      for (let tries = 1; ; tries += 1) {
        const answer = await fetch(`${control}/api/v1/orders${query}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ order: jws }),
        })
        if (answer.status !== 503 || tries === 20) return answer
      }
    },
    api: (at, init = {}) =>
      fetch(`${control}${at}`, {
        ...init,
        headers: { authorization: `Bearer ${readToken}`, ...(init.headers as Record<string, string> | undefined) },
      }),
    get: (at, token) =>
      fetch(`${url}${at}`, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } }),
    async cleanUp() {
      await gateway.stop('SIGKILL')
      // A child of the process, which reads the trail, may be writing its index for a moment still.
      rmSync(home, { recursive: true, force: true, maxRetries: 20 })
    },
  }
  return gateway
}

export async function startGateway(options: GatewayOptions): Promise<GatewayProcess> {
  const gateway = await prepareGateway(options)
  try {
    await gateway.start()
  } catch (error) {
    await gateway.cleanUp()
    throw error
  }
  return gateway
}

/**
 * Asks until `holds`, for what a gateway does within a second (files that are polled): the rest of the time is a busy machine's.
 * A question that a landing lock cuts is asked again.
 */
export async function eventually(holds: () => Promise<boolean>, withinMs = 30_000): Promise<boolean> {
  const until = Date.now() + withinMs
  while (Date.now() < until) {
    if (await holds().catch(notWhenCut)) return true
    await delay(20)
  }
  return false
}

/** Promise 2: an answer that is under way when its lock lands ends by a reset, never by an end that looks like one. */
function notWhenCut(error: unknown): false {
  const cause = error instanceof Error ? (error.cause as { code?: unknown } | undefined) : undefined
  if (cause?.code === 'ECONNRESET') return false
  throw error
}

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command line to its end; an order that could not be kept in time is given again, as `order` does. */
export async function runCommand(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  for (let tries = 1; ; tries += 1) {
    const ended = await runOnce(args, env)
    if (!ended.stderr.includes('(503 The order could not be kept') || tries === 20) return ended
  }
}

async function runOnce(args: readonly string[], env: Record<string, string>): Promise<Ended> {
  const child = spawn(process.execPath, [...NODE_FLAGS, MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, stdout, stderr }
}
