// `npm run bench`: CPU a request and requests a second beside nginx, HAProxy, Caddy and http-proxy: same upstream, same load, pinned, rounds in turn.
// Usage: npm run bench -- [--rounds 5] [--seconds 4] [--warm 12] [--connections 64] [--profile DIR]
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { answering, createSessions, freePort } from './gateway.ts'
import { measure, median, writeScript, type Reading } from './load.ts'
import { caddyConfig, haproxyChecksConfig, haproxyPlainConfig, nginxConfig, upstreamConfig } from './peers.ts'
import { residentBytes, startPinned, stopAll } from './process.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    warm: { type: 'string', default: '12' },
    connections: { type: 'string', default: '64' },
    profile: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const connections = Number(values.connections)
const dir = mkdtempSync(path.join(os.tmpdir(), 'portcullis-bench-'))

const has = (program: string): boolean =>
  ['/usr/bin', '/usr/sbin', '/bin', '/sbin'].some((each) => existsSync(path.join(each, program)))
const missing = ['nginx', 'haproxy', 'wrk', 'taskset'].filter((program) => !has(program))
if (missing.length > 0) {
  console.error(`npm run bench needs ${missing.join(', ')} (on Debian: apt-get install nginx haproxy wrk util-linux).`)
  process.exit(1)
}

interface Arm {
  readonly port: number
  readonly pid: number
}

const STRICT = 'portcullis, all checks, strict'
const BEST_EFFORT = 'portcullis, all checks, best-effort'
const FROZEN = 'portcullis, frozen (refusals)'
const TWO_WORKERS = 'portcullis, two workers, both cores'
const HAPROXY_CHECKS = 'haproxy, same checks'
const HAPROXY = 'haproxy, plain'
const NGINX = 'nginx, plain'
const CADDY = 'caddy, plain'
const HTTP_PROXY = 'http-proxy 1.18.1, plain'
const FLOOR = 'node:http alone, no proxying'

async function startArms(upstream: number): Promise<{ arms: Map<string, Arm>; tokens: readonly string[] }> {
  const sessions = createSessions(dir)
  const arms = new Map<string, Arm>()
  const peer = async (name: string, program: string, args: (port: number) => readonly string[]): Promise<void> => {
    const port = await freePort()
    arms.set(name, { port, pid: startPinned('0', program, args(port)).pid ?? 0 })
    await answering(port)
  }
  const script = (name: string, ...args: readonly number[]): string[] => [
    path.join(import.meta.dirname, name),
    ...args.map(String),
  ]
  const nodeArgs = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]
  arms.set(STRICT, await sessions.startGateway({ name: 'strict', upstream, audit: 'strict', nodeArgs }))
  arms.set(BEST_EFFORT, await sessions.startGateway({ name: 'best-effort', upstream, audit: 'best-effort' }))
  arms.set(FROZEN, await sessions.startGateway({ name: 'frozen', upstream, audit: 'best-effort', frozen: true }))
  const two = { name: 'two', upstream, audit: 'best-effort', workers: 2, cores: '0,1' } as const
  arms.set(TWO_WORKERS, await sessions.startGateway(two))
  const { publicKeyPem } = sessions
  await peer(HAPROXY_CHECKS, 'haproxy', (port) => ['-db', '-f', haproxyChecksConfig(dir, port, upstream, publicKeyPem)])
  await peer(HAPROXY, 'haproxy', (port) => ['-db', '-f', haproxyPlainConfig(dir, port, upstream)])
  await peer(NGINX, 'nginx', (port) => ['-c', nginxConfig(dir, port, upstream)])
  if (has('caddy')) {
    await peer(CADDY, 'caddy', (port) => [
      'run',
      '--adapter',
      'caddyfile',
      '--config',
      caddyConfig(dir, port, upstream),
    ])
  }
  await peer(HTTP_PROXY, process.execPath, (port) => script('http-proxy-peer.mjs', port, upstream))
  await peer(FLOOR, process.execPath, (port) => script('floor-peer.mjs', port))
  return { arms, tokens: sessions.tokens }
}

type Readings = ReadonlyMap<string, Reading[]>

async function run(arms: ReadonlyMap<string, Arm>, script: string): Promise<Readings> {
  const readings = new Map<string, Reading[]>([...arms.keys()].map((name) => [name, []]))
  // The compiler of JavaScript takes its time: what is measured is what a gateway does all day.
  for (const { port, pid } of arms.values())
    await measure({ script, port, pid, seconds: Number(values.warm), connections })
  for (let round = 0; round < rounds; round++) {
    for (const [name, { port, pid }] of arms)
      readings.get(name)?.push(await measure({ script, port, pid, seconds, connections }))
  }
  return readings
}

function printTable(arms: ReadonlyMap<string, Arm>, readings: Readings): void {
  const cells = (name: string, ...rest: readonly string[]): string =>
    name.padEnd(38) + rest.map((each, index) => each.padStart([15, 12, 9, 10, 11][index] ?? 10)).join('')
  console.log(cells('arm', 'CPU us/request', 'requests/s', 'p99 ms', 'refused', 'memory MB'))
  for (const [name, { pid }] of arms) {
    const of = (read: (reading: Reading) => number): number => median((readings.get(name) ?? []).map(read))
    const megabytes = (residentBytes(pid) / 1e6).toFixed(0)
    const p99 = of((each) => each.p99Ms).toFixed(2)
    const refused = String(of((each) => each.refused))
    console.log(
      cells(
        name,
        of((each) => each.cpuUs).toFixed(1),
        of((each) => each.perSecond).toFixed(0),
        p99,
        refused,
        megabytes,
      ),
    )
  }
}

/** Of two arms in the same round, so that what slows the machine for a while slows both: the median over the rounds. */
function ratioOf(readings: Readings, one: string, other: string, read: (reading: Reading) => number): number {
  const others = readings.get(other) ?? []
  return median((readings.get(one) ?? []).map((each, round) => read(each) / read(others[round] ?? each)))
}

/** Returns how many targets were missed. */
function printRatios(readings: Readings): number {
  let missed = 0
  const line = (
    kind: 'CPU' | 'requests/s',
    one: string,
    other: string,
    target?: { min?: number; max?: number },
  ): void => {
    if (!readings.has(one) || !readings.has(other)) return
    const value = ratioOf(readings, one, other, (each) => (kind === 'CPU' ? each.cpuUs : each.perSecond))
    const { min, max } = target ?? {}
    // A tenth past the line is this machine's noise; more is a target that was missed.
    const isMissed = (min !== undefined && value < min * 0.9) || (max !== undefined && value > max * 1.1)
    if (isMissed) missed += 1
    const wanted =
      min !== undefined ? `at least ${min.toFixed(2)}` : max !== undefined ? `at most ${max.toFixed(2)}` : ''
    const label = `${kind}: ${one} / ${other}`.padEnd(72)
    console.log(`${label}${`${value.toFixed(2)}x`.padStart(8)}  ${wanted}${isMissed ? ' MISSED' : ''}`)
  }
  line('requests/s', STRICT, HAPROXY_CHECKS, { min: 2 })
  line('CPU', STRICT, HAPROXY_CHECKS)
  line('CPU', STRICT, NGINX, { max: 2.2 })
  line('CPU', BEST_EFFORT, NGINX, { max: 1.7 })
  line('CPU', STRICT, HAPROXY)
  line('CPU', STRICT, HTTP_PROXY, { max: 0.4 })
  line('CPU', STRICT, CADDY, { max: 0.45 })
  line('CPU', FROZEN, STRICT, { max: 0.35 })
  line('CPU', BEST_EFFORT, FLOOR)
  // Where fewer than four cores are there, the load and the upstream take what the second worker would have.
  line('requests/s', TWO_WORKERS, BEST_EFFORT, os.availableParallelism() >= 4 ? { min: 1.8 } : undefined)
  return missed
}

try {
  const upstream = await freePort()
  startPinned('1', 'nginx', ['-c', upstreamConfig(dir, upstream)])
  const { arms, tokens } = await startArms(upstream)
  const readings = await run(arms, writeScript(dir, tokens))
  console.log(
    `${String(rounds)} rounds of ${String(seconds)} s after ${values.warm} s of warming up, ${String(connections)} connections; gate on core 0, wrk and upstream on core 1; medians\n`,
  )
  printTable(arms, readings)
  console.log('')
  if (printRatios(readings) > 0) process.exitCode = 1
} finally {
  stopAll()
  await delay(500)
  rmSync(dir, { recursive: true, force: true })
}
