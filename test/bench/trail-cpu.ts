// What the trail costs the data-plane worker: the same requests with a strict trail and with none, in a gateway that runs.
import path from 'node:path'
import { createSessions, freePort } from './gateway.ts'
import { measure, median, writeScript } from './load.ts'
import { openLoop } from './open-loop.ts'
import { upstreamConfig } from './peers.ts'
import { startPinned, threadCpuUs } from './process.ts'

const ROUNDS = 5
const SECONDS = 4
const CONNECTIONS = 64
const WORKER = 'portcullis w1'

interface Arm {
  readonly port: number
  readonly pid: number
}

/** CPU of the worker's thread a request, in microseconds: medians, and what the trail adds in the same round. */
export interface TrailCpu {
  readonly strictUs: number
  readonly offUs: number
  readonly addedUs: number
}

/** At full load, and at `rate` requests a second, where a thread that wakes for each request spends most on waking. */
export async function measureTrailCpu(
  dir: string,
  rate: number,
): Promise<{ readonly full: TrailCpu; readonly paced: TrailCpu }> {
  const upstream = await freePort()
  startPinned('1', 'nginx', ['-c', upstreamConfig(dir, upstream)])
  const sessions = createSessions(dir)
  const script = writeScript(dir, sessions.tokens)
  const off = await sessions.startGateway({ name: 'off', upstream, audit: 'off' })
  const strict = await sessions.startGateway({ name: 'strict', upstream, audit: 'strict' })
  const full = async (arm: Arm, seconds = SECONDS): Promise<number> =>
    Math.round((await measure({ script, ...arm, seconds, connections: CONNECTIONS })).perSecond * seconds)
  const load = { rate, seconds: SECONDS, connections: CONNECTIONS, tokens: path.join(dir, 'tokens') }
  const paced = async ({ port }: Arm): Promise<number> => (await openLoop({ ...load, port })).answered
  for (const arm of [off, strict]) await full(arm, 12)
  return { full: await compare(off, strict, full), paced: await compare(off, strict, paced) }
}

/** `ask` resolves to how many requests it has made. */
async function compare(off: Arm, strict: Arm, ask: (arm: Arm) => Promise<number>): Promise<TrailCpu> {
  const cost = async (arm: Arm): Promise<number> => {
    const before = threadCpuUs(arm.pid, WORKER)
    const asked = await ask(arm)
    return (threadCpuUs(arm.pid, WORKER) - before) / asked
  }
  const rounds: { readonly off: number; readonly strict: number }[] = []
  for (let round = 0; round < ROUNDS; round++) rounds.push({ off: await cost(off), strict: await cost(strict) })
  return {
    offUs: median(rounds.map((each) => each.off)),
    strictUs: median(rounds.map((each) => each.strict)),
    addedUs: median(rounds.map((each) => each.strict - each.off)),
  }
}
