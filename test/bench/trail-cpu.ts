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

/** CPU of the worker's thread a request, in microseconds, at so many requests a second. */
export async function measureTrailCpu(
  dir: string,
  rate: number,
): Promise<{ readonly strictUs: number; readonly offUs: number; readonly addedUs: number }> {
  const upstream = await freePort()
  startPinned('1', 'nginx', ['-c', upstreamConfig(dir, upstream)])
  const sessions = createSessions(dir)
  const script = writeScript(dir, sessions.tokens)
  const arms = {
    off: await sessions.startGateway({ name: 'off', upstream, audit: 'off' }),
    strict: await sessions.startGateway({ name: 'strict', upstream, audit: 'strict' }),
  }
  for (const arm of Object.values(arms)) await measure({ script, ...arm, seconds: 12, connections: CONNECTIONS })
  const load = { rate, seconds: SECONDS, connections: CONNECTIONS, tokens: path.join(dir, 'tokens') }
  const cost = async ({ port, pid }: { readonly port: number; readonly pid: number }): Promise<number> => {
    const before = threadCpuUs(pid, WORKER)
    const { answered } = await openLoop({ ...load, port })
    return (threadCpuUs(pid, WORKER) - before) / answered
  }
  const rounds: { readonly off: number; readonly strict: number }[] = []
  for (let round = 0; round < ROUNDS; round++)
    rounds.push({ off: await cost(arms.off), strict: await cost(arms.strict) })
  return {
    offUs: median(rounds.map(({ off }) => off)),
    strictUs: median(rounds.map(({ strict }) => strict)),
    addedUs: median(rounds.map(({ off, strict }) => strict - off)),
  }
}
