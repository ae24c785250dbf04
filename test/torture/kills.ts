// kill -9 at random points: how much of what was acknowledged is gone afterwards.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { verifyTrail } from '../../src/audit/verify.ts'
import { createPlace, openTestSealer, readEntries, type Place } from '../audit/trail.ts'
import { fileOf, type Kind } from './logs.ts'

export interface Kills {
  readonly kills: number
  readonly acknowledged: number
  readonly lost: number
  /** Of ours: problems that the verifier found after a kill; torn tails are no problem. */
  readonly problems: readonly string[]
}

async function killOnce(kind: Kind, place: Place, run: number, count: number): Promise<string[]> {
  const args =
    kind === 'portcullis'
      ? [join(import.meta.dirname, '../audit/crash-child.ts'), place.dir, place.stateFile, String(run)]
      : [join(import.meta.dirname, 'kill-child.ts'), kind, place.dir, String(run)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  const acknowledged: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{') && line.endsWith('}')) acknowledged.push(line)
    if (acknowledged.length >= count) child.kill('SIGKILL')
  }
  await exit
  return acknowledged
}

export async function torture(kind: Kind, kills: number, onKill: (done: number) => void): Promise<Kills> {
  const place = createPlace()
  const acknowledged: string[] = []
  const problems: string[] = []
  for (let run = 0; run < kills; run += 1) {
    acknowledged.push(...(await killOnce(kind, place, run, 20 + Math.floor(Math.random() * 1_500))))
    if (kind === 'portcullis')
      problems.push(...(await verifyTrail(place.dir)).problems.map(({ what }) => `after kill ${run + 1}: ${what}`))
    onKill(run + 1)
  }
  if (kind === 'portcullis') await openTestSealer(place)
  const kept = new Set(
    kind === 'portcullis' ? await readEntries(place) : readFileSync(fileOf(place), 'utf8').split('\n'),
  )
  return {
    kills,
    acknowledged: acknowledged.length,
    lost: acknowledged.filter((entry) => !kept.has(entry)).length,
    problems,
  }
}
