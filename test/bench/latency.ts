// `npm run bench:latency`: what the gateway adds at half of its saturation load, beside nginx, and bytes a connection.
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createSessions, freePort } from './gateway.ts'
import { measure, median, writeScript } from './load.ts'
import { openLoop, type Latencies } from './open-loop.ts'
import { nginxConfig, upstreamConfig } from './peers.ts'
import { residentBytes, startPinned, stopAll } from './process.ts'

const ROUNDS = 3
const SECONDS = 5
const CONNECTIONS = 64
const dir = mkdtempSync(path.join(os.tmpdir(), 'portcullis-latency-'))

/** What one commit costs on this disk, in microseconds at the 99th percentile. */
function fdatasyncP99(): number {
  const fd = openSync(path.join(dir, 'sync'), 'w')
  const block = Buffer.alloc(16_384, 1)
  writeSync(fd, Buffer.alloc(block.length * 400))
  const took: number[] = []
  for (let n = 0; n < 400; n++) {
    writeSync(fd, block, 0, block.length, n * block.length)
    const start = performance.now()
    fdatasyncSync(fd)
    took.push((performance.now() - start) * 1000)
  }
  closeSync(fd)
  return took.sort((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? NaN
}

async function openIdle(port: number, token: string, count: number): Promise<net.Socket[]> {
  const sockets: net.Socket[] = []
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.write(`GET /api/v2/beneficiaries/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`)
      })
      socket.once('error', reject)
      socket.once('data', () => {
        resolve()
      })
      sockets.push(socket)
    })
  while (sockets.length < count) await Promise.all(Array.from({ length: Math.min(100, count - sockets.length) }, one))
  return sockets
}

const ms = (us: number): string => (us / 1000).toFixed(2).padStart(9)

try {
  const upstream = await freePort()
  startPinned('1', 'nginx', ['-c', upstreamConfig(dir, upstream)])
  const sessions = createSessions(dir)
  const script = writeScript(dir, sessions.tokens)
  const strict = await sessions.startGateway({ name: 'strict', upstream, audit: 'strict' })
  const bestEffort = await sessions.startGateway({ name: 'best-effort', upstream, audit: 'best-effort' })
  const nginxPort = await freePort()
  startPinned('0', 'nginx', ['-c', nginxConfig(dir, nginxPort, upstream)])
  await delay(500)
  for (const { port, pid } of [strict, bestEffort])
    await measure({ script, port, pid, seconds: 12, connections: CONNECTIONS })
  const { perSecond } = await measure({ script, ...bestEffort, seconds: 4, connections: CONNECTIONS })
  const rate = Math.round(perSecond / 2)
  const arms = { nginx: nginxPort, 'best-effort': bestEffort.port, strict: strict.port }
  const readings: Record<string, Latencies[]> = { nginx: [], 'best-effort': [], strict: [] }
  const syncs: number[] = []
  const load = { seconds: SECONDS, connections: CONNECTIONS, tokens: path.join(dir, 'tokens') }
  // Another load than that of the warming up: what was compiled for the one is compiled anew for the other.
  for (const port of Object.values(arms)) await openLoop({ ...load, port, rate })
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, port] of Object.entries(arms)) readings[name]?.push(await openLoop({ ...load, port, rate }))
    syncs.push(fdatasyncP99())
  }
  const of = (name: string, read: (each: Latencies) => number): number => median((readings[name] ?? []).map(read))
  console.log(
    `${String(rate)} requests/s, half of what best-effort takes; open loop; median of ${String(ROUNDS)} rounds\n`,
  )
  console.log('arm               p50 ms   p99 ms  unanswered or refused')
  for (const name of Object.keys(arms)) {
    const lost = of(name, (each) => each.asked - each.answered + each.failures)
    console.log(`${name.padEnd(15)}${ms(of(name, ({ p50 }) => p50))}${ms(of(name, ({ p99 }) => p99))}  ${String(lost)}`)
  }
  const p99 = (name: string): number => of(name, (each) => each.p99)
  const sync = median(syncs)
  const added = p99('best-effort') - p99('nginx')
  const durable = p99('strict') - p99('best-effort')
  console.log(`\nfdatasync p99 ${ms(sync)} ms`)
  console.log(`best-effort over nginx at p99 ${ms(added)} ms   at most 1.50`)
  console.log(`strict over best-effort at p99 ${ms(durable)} ms   at most 3 fdatasync: ${ms(3 * sync)}`)
  if (added > 1_650 || durable > 3.3 * sync) process.exitCode = 1

  console.log('\nidle keep-alive connections, each of which has been answered once')
  const idle = await sessions.startGateway({ name: 'idle', upstream, audit: 'best-effort' })
  let held: net.Socket[] = await openIdle(idle.port, sessions.tokens[0] ?? '', 100)
  await delay(2_000)
  const before = residentBytes(idle.pid)
  const first = held.length
  for (const count of [1_000, 5_000, 10_000]) {
    held = [...held, ...(await openIdle(idle.port, sessions.tokens[0] ?? '', count - held.length))]
    await delay(2_000)
    const bytes = (residentBytes(idle.pid) - before) / (held.length - first)
    console.log(`${String(count).padStart(7)} ${(bytes / 1024).toFixed(1).padStart(7)} KiB a connection`)
  }
  for (const socket of held) socket.destroy()
} finally {
  stopAll()
  await delay(500)
  rmSync(dir, { recursive: true, maxRetries: 10, force: true })
}
