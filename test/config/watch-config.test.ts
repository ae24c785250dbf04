// A config that is saved while the gateway runs: whole, in parts, and wrong.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { readConfig } from '../../src/config/read-config.ts'
import type { ConfigChange } from '../../src/config/tell-changes.ts'
import { createConfigWatch } from '../../src/config/watch-config.ts'
import { NOW, SAMPLE } from './sample.ts'

const home = mkdtempSync(join(tmpdir(), 'portcullis-watch-config-'))
afterAll(() => rmSync(home, { recursive: true }))

async function watchIt() {
  const file = join(home, 'portcullis.yaml')
  writeFileSync(file, SAMPLE)
  const read = await readConfig(file, {}, NOW)
  if ('problems' in read) throw new Error('the sample is no config')
  const told: ConfigChange[] = []
  const applied: string[][] = []
  const watch = createConfigWatch({
    running: read.config,
    env: {},
    now: () => NOW,
    locks: () => [],
    apply: async (next) => {
      applied.push(next.routes.map(({ id }) => id))
      return []
    },
    tell: (change) => told.push(change),
  })
  await watch.tick()
  return { watch, told, applied, save: (text: string) => writeFileSync(file, text) }
}

test('what is written in parts is judged once it stands: no part is taken, and none is told of as a refusal', async () => {
  const { watch, told, applied, save } = await watchIt()
  const next = SAMPLE.replace('lease: 2s', 'lease: 3s')
  // A config by itself, of one route.
  const part = next.slice(0, next.indexOf('  - id: record.write')).concat(next.slice(next.indexOf('session:\n')))
  for (const text of ['', part, next]) {
    save(text)
    expect(await watch.tick()).toBe(false)
  }
  expect([applied, told, watch.problems]).toEqual([[], [], []])
  expect(await watch.tick()).toBe(true)
  expect(applied).toEqual([['record.read', 'record.write', 'facilities']])
  expect(told).toMatchObject([{ outcome: 'taken', changed: ['store.lease'] }])
  expect([await watch.tick(), told.length]).toEqual([false, 1])
  // As a whole file it would have been taken.
  save(part)
  expect([await watch.tick(), await watch.tick(), applied.at(-1)]).toEqual([false, true, ['record.read']])
})

test('what is wrong and stands is named once, and again after a release', async () => {
  const { watch, told, save } = await watchIt()
  save(SAMPLE.replace('session: required', 'session: requierd'))
  for (let look = 0; look < 3; look += 1) expect(await watch.tick()).toBe(false)
  expect(watch.problems.join()).toContain('requierd')
  watch.lookAgain()
  await watch.tick()
  expect(told).toMatchObject([{ outcome: 'refused', reason: 'invalid' }])
  save(SAMPLE)
  expect([await watch.tick(), await watch.tick(), watch.problems]).toEqual([false, true, []])
})
