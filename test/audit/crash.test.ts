import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, expect, test } from '@jest/globals'
import { verifyTrail } from '../../src/audit/verify.ts'
import { createPlace, openTestSealer, type Place, readEntries, removePlaces } from './trail.ts'

afterAll(removePlaces)

/** Lets a child write until it has acknowledged so many entries, then kills it where it stands. */
async function runAndKill(
  place: Place,
  run: number,
  count: number,
): Promise<{ acknowledged: string[]; other: string[] }> {
  const script = join(import.meta.dirname, 'crash-child.ts')
  const child = spawn(process.execPath, [script, place.dir, place.stateFile, String(run)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  const acknowledged: string[] = []
  const other: string[] = []
  let live: Promise<void> | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{')) acknowledged.push(line)
    else other.push(line)
    // Looked at while it is written to: what is found must be nothing.
    if (acknowledged.length > count / 2)
      live ??= verifyTrail(place.dir).then(({ problems }) => {
        expect([run, problems]).toEqual([run, []])
      })
    if (acknowledged.length >= count) child.kill('SIGKILL')
  }
  await exit
  await live
  return { acknowledged, other }
}

test('kill -9 at 25 points: every acknowledged entry is in the log once, and the trail verifies after each', async () => {
  const place = createPlace()
  const acknowledged: string[] = []
  let recovered = 0
  for (let run = 0; run < 25; run += 1) {
    const result = await runAndKill(place, run, 20 + ((run * 379) % 1500))
    expect(result.other).toEqual([expect.stringMatching(/^opened \d+ 0$/)])
    recovered += Number(result.other[0]?.split(' ')[1])
    acknowledged.push(...result.acknowledged)
    const verdict = await verifyTrail(place.dir)
    expect([run, verdict.problems]).toEqual([run, []])
  }
  const sealer = await openTestSealer(place)
  const counts = new Map<string, number>()
  for (const entry of await readEntries(place)) counts.set(entry, (counts.get(entry) ?? 0) + 1)
  expect(acknowledged.filter((entry) => counts.get(entry) !== 1)).toEqual([])
  expect([...counts.values()].every((count) => count === 1)).toBe(true)
  expect(await verifyTrail(place.dir, { vkey: sealer.vkey })).toMatchObject({ ok: true, warnings: [], unsealed: 0 })
  console.info(
    `${acknowledged.length} entries acknowledged over 25 kills, ${counts.size} in the log, ${recovered} recovered at openings`,
  )
})
