// A real Redis on a free port with a directory of its own; it can be paused, killed, emptied and put back to an old dump.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'

/** Where Debian's package `redis-server` puts it. */
const REDIS_SERVER = '/usr/bin/redis-server'
/** Loading a test's dump and binding a port takes some 30 ms; the rest is for a machine that is busy. */
const START_LIMIT_MS = 20_000

/** What to say where there is no Redis; the tests that need it skip loudly. */
export function missingRedis(): string | undefined {
  return existsSync(REDIS_SERVER) ? undefined : `${REDIS_SERVER} is missing (package redis-server)`
}

export interface RedisServer {
  readonly port: number
  /** `redis://127.0.0.1:<port>`, `rediss://` where it has TLS. */
  readonly url: string
  /** The authority that a client of a TLS server must trust, PEM. */
  readonly ca: string | undefined
  /** One command over a connection of its own, as the default user. */
  command(name: string, ...args: readonly (string | number)[]): Promise<unknown>
  /** A connection as the default user; closed by `stop`. */
  connect(options?: ConnectionOptions): Redis
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void
  resume(): void
  /** SIGKILL; what was in memory is gone. */
  kill(): Promise<void>
  /** The same port, after `kill`; empty but for the last dump that was put there. */
  start(): Promise<void>
  /** `kill`, and `start` without any dump. */
  restartEmpty(): Promise<void>
  /** The whole content as an RDB file. */
  dump(): Promise<Buffer>
  /** `kill`, and `start` from a dump. */
  restore(dump: Buffer): Promise<void>
  stop(): Promise<void>
}

export interface ConnectionOptions {
  readonly username?: string
  readonly password?: string
  readonly retryStrategy?: null
}

export interface RedisServerOptions {
  /** Further arguments, such as `--replicaof`, `127.0.0.1 6379`. */
  readonly args?: readonly string[]
  /** TLS alone, under an authority made for this server. */
  readonly tls?: boolean
}

export async function startRedis({ args = [], tls = false }: RedisServerOptions = {}): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-redis-'))
  const port = await freePort()
  const ca = tls ? makeCertificates(directory) : undefined
  const listen = tls
    ? ['--port', '0', '--tls-port', String(port), ...tlsArguments(directory)]
    : ['--port', String(port)]
  const fixed = ['--bind', '127.0.0.1', '--dir', directory, '--save', '', '--appendonly', 'no', '--daemonize', 'no']
  const connections: Redis[] = []
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    child = await launch([...listen, ...fixed, ...args], 'Ready to accept connections')
  }
  const kill = async (): Promise<void> => {
    if (child !== undefined) await end(child, 'SIGKILL')
    child = undefined
  }
  const file = join(directory, 'dump.rdb')
  const connect = (options: ConnectionOptions = {}): Redis => {
    const connection = new Redis({ host: '127.0.0.1', port, ...(ca === undefined ? {} : { tls: { ca } }), ...options })
    connection.on('error', () => undefined)
    connections.push(connection)
    return connection
  }
  const command = async (name: string, ...rest: readonly (string | number)[]): Promise<unknown> => {
    const connection = connect({ retryStrategy: null })
    try {
      return await connection.call(name, ...rest)
    } finally {
      connection.disconnect()
    }
  }
  await start()
  return {
    port,
    url: `${tls ? 'rediss' : 'redis'}://127.0.0.1:${port}`,
    ca,
    command,
    connect,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    kill,
    start,
    async restartEmpty() {
      await kill()
      rmSync(file, { force: true })
      await start()
    },
    async dump() {
      await command('SAVE')
      const content = readFileSync(file)
      rmSync(file)
      return content
    },
    async restore(content) {
      await kill()
      writeFileSync(file, content)
      await start()
    },
    async stop() {
      for (const connection of connections) connection.disconnect()
      await kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

const running = new Set<ChildProcess>()
// A run that ends in the middle of a test leaves no server behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** The server once it has written `ready` into its log. */
export async function launch(args: readonly string[], ready: string): Promise<ChildProcess> {
  const child = spawn(REDIS_SERVER, [...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  let log = ''
  const limit = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS)
  const isReady = await new Promise<boolean>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-10_000)
      if (log.includes(ready)) resolve(true)
    })
    child.once('exit', () => {
      resolve(false)
    })
  })
  clearTimeout(limit)
  if (!isReady) throw new Error(`redis-server did not start: ${log}`)
  return child
}

/** By its process id; a paused process takes SIGKILL too. */
export async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
}

function tlsArguments(directory: string): readonly string[] {
  const files = { cert: 'server.pem', key: 'server.key', 'ca-cert': 'ca.pem' }
  const named = Object.entries(files).flatMap(([name, file]) => [`--tls-${name}-file`, join(directory, file)])
  return [...named, '--tls-auth-clients', 'no']
}

/** An authority, and a certificate of the server that it signed; gives the authority's certificate. */
function makeCertificates(directory: string): string {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const at = (name: string): string => join(directory, name)
  openssl('req', '-x509', ...key, '-subj', '/CN=test authority', '-keyout', at('ca.key'), '-out', at('ca.pem'))
  const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-addext', 'basicConstraints=critical,CA:false']
  const names = ['-subj', '/CN=redis', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  openssl('req', '-x509', ...key, ...signed, ...names, '-keyout', at('server.key'), '-out', at('server.pem'))
  return readFileSync(at('ca.pem'), 'utf8')
}

function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`openssl ${args[0] ?? ''} failed: ${stderr}`)
}
