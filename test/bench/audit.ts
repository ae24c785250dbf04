// `npm run bench:audit`: what the trail costs and how fast it is, on this machine's disk. Usage: npm run bench:audit -- [--seconds 5] [--dir DIR]
// One thread writes, as a data-plane worker does; another seals, as the main thread does. Each commit is counted. Exits 1 where a
// figure misses its target by more than 10 %.
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { type Files, nodeFiles } from '../../src/audit/files.ts'
import { createRecorder, type Recorder } from '../../src/audit/recorder.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import { openWriteAheadLog, type WriteAheadLog } from '../../src/audit/write-ahead.ts'
import type { RequestRecord } from '../../src/core/audit-record.ts'
import { stopAll } from './process.ts'
import { measureTrailCpu } from './trail-cpu.ts'

const THREAD = new URL('../../src/audit/tile-check-thread.ts', import.meta.url)
const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '5' }, dir: { type: 'string', default: os.tmpdir() } },
})
const seconds = Number(values.seconds)
const root = mkdtempSync(path.join(values.dir, 'portcullis-bench-audit-'))

/** Some 560 bytes, as a read of a record by a citizen gives. */
function recordOf(n: number): RequestRecord {
  return {
    kind: 'request',
    phase: 'outcome',
    time: Date.now(),
    id: `Zk3v9QpL2xYw8RtB${String(n).padStart(6, '0')}`,
    client: '203.0.113.77',
    method: 'GET',
    route: 'beneficiary.read',
    path: '/api/v2/beneficiaries/Ab3dE9.q1w2e3r4t5y6u7i8o9p0aA',
    principal: 'Ab3dE9.zX8cV7bN6mQ5wE4rT3yU2i',
    subjects: ['Ab3dE9.q1w2e3r4t5y6u7i8o9p0aA'],
    session: 'Ab3dE9.l0k9j8h7g6f5d4s3a2p1oO',
    issuer: 'Ab3dE9.m1n2b3v4c5x6z7l8k9j0hH',
    decision: 'allow',
    epoch: 7,
    status: 200,
    bytes: 1_482,
    durationMs: 2.345,
    upstreamMs: 1.872,
  }
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** One fdatasync of one block, again and again: what this disk takes by itself. */
function measureDisk(): { p50: number; p99: number } {
  const fd = openSync(path.join(root, 'disk'), 'w')
  const block = Buffer.alloc(4_096, 1)
  for (let n = 0; n < 256; n++) writeSync(fd, block, 0, block.length, n * 4_096)
  fdatasyncSync(fd)
  const taken: number[] = []
  for (let n = 0; n < 500; n++) {
    const startedMs = performance.now()
    writeSync(fd, block, 0, block.length, (n % 256) * 4_096)
    fdatasyncSync(fd)
    taken.push(performance.now() - startedMs)
  }
  closeSync(fd)
  taken.sort((a, b) => a - b)
  return { p50: percentile(taken, 0.5), p99: percentile(taken, 0.99) }
}

interface Run {
  readonly log: WriteAheadLog
  readonly recorder: Recorder
  readonly commits: () => number
  readonly dir: string
  end(): Promise<{ size: number; slowestMs: number }>
}

async function openRun(name: string): Promise<Run> {
  const dir = path.join(root, name, 'audit')
  const worker = new Worker(new URL('./audit-sealer.ts', import.meta.url), {
    workerData: { dir, stateFile: path.join(root, name, 'store', 'trail.state') },
  })
  const next = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  await next()
  let commits = 0
  const files: Files = {
    ...nodeFiles,
    writeThrough: (fd, bytes, position) => {
      commits += 1
      return nodeFiles.writeThrough(fd, bytes, position)
    },
  }
  const log = await openWriteAheadLog({
    dir,
    writer: 'w1',
    files,
    now: () => performance.now(),
    onDurable: (batch) => {
      worker.postMessage({ batch, since: Date.now() - batch.waitedMs }, [batch.block.buffer as ArrayBuffer])
    },
  })
  const recorder = createRecorder({
    log,
    gateway: 'portcullis/gateway-000000000000',
    worker: 'w1',
    monotonicMs: () => performance.now(),
    onRecord: () => undefined,
    onLost: () => undefined,
  })
  return {
    log,
    recorder,
    dir,
    commits: () => commits,
    async end() {
      await log.close()
      const ended = next()
      worker.postMessage('end')
      return (await ended) as { size: number; slowestMs: number }
    },
  }
}

/** As many as go through: 512 exchanges that wait for their record, one after the other each. */
async function measureRate(): Promise<{
  rate: number
  cores: number
  perCommit: number
  checkpointMs: number
  dir: string
  size: number
}> {
  const run = await openRun('rate')
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  let count = 0
  const exchange = async (): Promise<void> => {
    while (performance.now() - startedMs < seconds * 1_000) {
      const ticket = run.recorder.append(recordOf(count))
      if (ticket === undefined) throw new Error('a record was not taken')
      await run.recorder.durable(ticket)
      count += 1
    }
  }
  await Promise.all(Array.from({ length: 512 }, exchange))
  const elapsedMs = performance.now() - startedMs
  const used = process.cpuUsage(cpu)
  const { size, slowestMs } = await run.end()
  return {
    rate: (count / elapsedMs) * 1_000,
    cores: (used.user + used.system) / 1_000 / elapsedMs,
    perCommit: count / run.commits(),
    checkpointMs: slowestMs,
    dir: run.dir,
    size,
  }
}

/** So many a millisecond, evenly: how long each waits, and what the writer's thread spends on it beyond an empty loop. */
async function measurePace(
  trail: Pick<Recorder, 'append' | 'durable'> | undefined,
  perMs = 2,
): Promise<{ waits: number[]; cpuUs: number }> {
  const waits: number[] = []
  const open: Promise<void>[] = []
  const cpu = process.threadCpuUsage()
  const startedMs = performance.now()
  let count = 0
  while (performance.now() - startedMs < seconds * 1_000) {
    for (const due = (performance.now() - startedMs) * perMs; count < due; count++) {
      const record = recordOf(count)
      const atMs = performance.now()
      const ticket = trail?.append(record)
      open.push(
        (ticket === undefined ? Promise.resolve() : (trail?.durable(ticket) ?? Promise.resolve())).then(
          () => void waits.push(performance.now() - atMs),
        ),
      )
    }
    await delay(1)
  }
  await Promise.all(open)
  const used = process.threadCpuUsage(cpu)
  return { waits: waits.sort((a, b) => a - b), cpuUs: (used.user + used.system) / count }
}

let isMissed = false
function tell(what: string, got: number, target: number, unit: string, isAtLeast: boolean): void {
  const misses = isAtLeast ? got < target * 0.9 : got > target * 1.1
  isMissed ||= misses
  const digits = got < 100 ? 2 : 0
  console.log(
    `${misses ? 'MISSED ' : '       '}${what.padEnd(52)}${got.toFixed(digits).padStart(10)} ${unit.padEnd(10)} target ${isAtLeast ? '>=' : '<='} ${target.toFixed(target < 100 ? 1 : 0)}`,
  )
}

try {
  const disk = measureDisk()
  console.log(`one fdatasync of this disk: p50 ${disk.p50.toFixed(2)} ms, p99 ${disk.p99.toFixed(2)} ms`)
  const rate = await measureRate()
  console.log(
    `${rate.size} records, ${rate.perCommit.toFixed(0)} for each commit, ${rate.cores.toFixed(2)} cores in all threads`,
  )
  const idle = await measurePace(undefined)
  const run = await openRun('pace')
  const paced = await measurePace(run.recorder)
  const perCommit = paced.waits.length / run.commits()
  const pacedEnd = await run.end()
  console.log(
    `at 2,000 a second: ${perCommit.toFixed(1)} records for each commit, wait p50 ${percentile(paced.waits, 0.5).toFixed(2)} ms`,
  )
  const busy = await openRun('busy')
  await measurePace(busy.recorder, 10)
  const busyEnd = await busy.end()
  console.log(
    `record to signed checkpoint, the slowest: ${(pacedEnd.slowestMs / 1000).toFixed(2)} s at 2,000 a second, ${(rate.checkpointMs / 1000).toFixed(2)} s at ${rate.rate.toFixed(0)}`,
  )
  const startedMs = performance.now()
  const verdict = await verifyTrail(rate.dir, { startThread: () => new Worker(THREAD) })
  const verifyMs = performance.now() - startedMs
  if (!verdict.ok || verdict.size !== rate.size)
    throw new Error(`the trail does not verify: ${JSON.stringify(verdict.problems[0])}`)
  tell('durable records a second', rate.rate, 10_000, '/s', true)
  tell('and for each second of a core', rate.rate / Math.max(1, rate.cores), 10_000, '/s', true)
  tell(
    'p99 that strict adds at 2,000 a second',
    percentile(paced.waits, 0.99),
    Math.max(10, 4.5 * disk.p99),
    'ms',
    false,
  )
  tell('record to signed checkpoint, at 10,000 a second', busyEnd.slowestMs, 1_000, 'ms', false)
  tell('verified records a second', (verdict.size / verifyMs) * 1_000, 200_000, '/s', true)
  console.log(
    `a thread that does nothing else spends ${(paced.cpuUs - idle.cpuUs).toFixed(1)} us a record on it at 2,000 a second, most of it on waking up`,
  )
  const { full, paced: slow } = await measureTrailCpu(root, 2_000)
  for (const [at, { strictUs, offUs }] of [['full load', full] as const, ['2,000 requests a second', slow] as const])
    console.log(
      `in a gateway at ${at}: ${strictUs.toFixed(1)} us of its worker a request, ${offUs.toFixed(1)} without a trail`,
    )
  tell('CPU of the trail a request on the worker, full load', full.addedUs, 8, 'us', false)
  process.exitCode = isMissed ? 1 : 0
} finally {
  stopAll()
  await delay(500)
  rmSync(root, { recursive: true, force: true, maxRetries: 10 })
}
