// What a report stands on, out of a trail of known records.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { signCheckpoint } from '../../src/audit/checkpoint.ts'
import { nodeFiles } from '../../src/audit/files.ts'
import { TileStore } from '../../src/audit/tile-store.ts'
import { readFacts } from '../../src/cli/incident/facts.ts'
import { writeReport } from '../../src/cli/incident/write-report.ts'
import { createSigner } from '../audit/trail.ts'

const home = mkdtempSync(path.join(tmpdir(), 'portcullis-facts-'))
afterAll(() => {
  rmSync(home, { recursive: true })
})

const DAY_MS = 86_400_000
const START = Date.UTC(2026, 0, 2, 4)
const LOCK = {
  kind: 'order',
  order: 'lock',
  outcome: 'accepted',
  id: 'lock-1',
  by: 'desk',
  epoch: 1,
  locks: ['lock-1'],
}

async function trailOf(name: string, records: readonly Record<string, unknown>[]): Promise<string> {
  const dir = path.join(home, name)
  mkdirSync(dir)
  const signer = createSigner()
  const store = await TileStore.load(nodeFiles, dir, 0)
  await store.adopt(await store.extend(records.map((record) => Buffer.from(JSON.stringify(record)))))
  writeFileSync(path.join(dir, 'checkpoint'), signCheckpoint({ size: store.size, root: store.root() }, signer))
  return dir
}

const factsOf = async (dir: string): Promise<readonly string[]> =>
  (await readFacts(dir, 'INC-7', {}, () => undefined)).facts.timeline.map(({ what }) => what)

test('the time line has what happened meanwhile in its place, and nothing of other days', async () => {
  const finding = { kind: 'anomaly', detector: 'slow-walk', sentence: '13 new people in 15 minutes, the limit is 12' }
  const dir = await trailOf('meanwhile', [
    { ...{ kind: 'start', version: '0.9.0', epoch: 0 }, time: START - 2 * DAY_MS },
    { ...finding, time: START - 60_000 },
    { ...LOCK, reason: 'leak', incident: 'INC-7', time: START },
    { ...{ kind: 'stop', version: '1.0.0', epoch: 1, config: 'ab'.repeat(32) }, time: START + 1 },
    { ...{ kind: 'config', outcome: 'taken', previous: 'ab'.repeat(32), config: 'cd'.repeat(32) }, time: START + 2 },
    {
      ...{ kind: 'config', outcome: 'taken', previous: 'cd'.repeat(32), config: 'ef'.repeat(32), time: START + 3 },
      ...{ changed: ['gateway.workers', 'routes.\u202ea'], more: 3, restartNeeded: ['gateway.workers'] },
    },
    {
      kind: 'order',
      order: 'incident',
      action: 'close',
      outcome: 'accepted',
      by: 'lead',
      incident: 'INC-7',
      time: START + 9,
    },
    { ...finding, time: START + 10 },
  ])
  expect(await factsOf(dir)).toEqual([
    'slow-walk found: 13 new people in 15 minutes, the limit is 12',
    'lock accepted by desk: leak',
    'gateway stopped: version 1.0.0, config abababababab, epoch 1',
    'config changed from abababababab to cdcdcdcdcdcd: its text alone',
    'config changed from cdcdcdcdcdcd to efefefefefef: gateway.workers, routes.a and 3 more (from the next start on: gateway.workers)',
    'incident close accepted by lead',
  ])
})

test('findings without end bury no order', async () => {
  const findings = Array.from({ length: 600 }, (_, n) => ({
    kind: 'anomaly',
    detector: 'd',
    sentence: `${n}`,
    time: START + n,
  }))
  const dir = await trailOf('many', [
    { ...LOCK, reason: 'leak', incident: 'INC-7', time: START },
    ...findings,
    { ...LOCK, order: 'release', outcome: 'released', reason: 'mended', incident: 'INC-7', time: START + 1000 },
  ])
  const found = await factsOf(dir)
  expect([found.length, found[0], found.at(-1)]).toEqual([
    502,
    'lock accepted by desk: leak',
    'release released by desk: mended',
  ])
})

test('of an incident that no order names there is no time line', async () => {
  const dir = await trailOf('nobody', [{ kind: 'start', version: '1.0.0', epoch: 0, time: START }])
  expect(await factsOf(dir)).toEqual([])
})

const jwsOf = (payload: object): string => `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.AA`

test('a read that was answered with an error has shown nobody, as audit whose has it', async () => {
  const read = (status: number, subject: string) => ({
    ...{ kind: 'request', phase: 'outcome', gateway: 'gw-1', decision: 'allow', route: 'r', time: START + 1 },
    ...{ status, subjects: [subject] },
  })
  const dir = await trailOf('errors', [
    { ...LOCK, reason: 'leak', incident: 'INC-7', time: START },
    ...[read(200, 'k.a'), read(404, 'k.b'), read(502, 'k.c')],
  ])
  const { facts } = await readFacts(dir, 'INC-7', {}, () => undefined)
  expect(facts).toMatchObject({ reads: 1, people: 1, requests: { total: 3, allowed: 3 } })
})

test('a report of one gateway of a fleet says so, and names the others', async () => {
  const lock = { ...LOCK, gateway: 'gw-1', reason: 'leak', incident: 'INC-7', time: START }
  const written = async (name: string, payload: object): Promise<{ missing: readonly string[]; text: string }> => {
    const dir = await trailOf(name, [{ ...lock, jws: jwsOf(payload) }])
    writeFileSync(path.join(dir, 'vkey'), 'gw-1+00000000+AAAA\n')
    const out = path.join(home, `${name}-report`)
    const { missing } = await writeReport({
      ...{ dir, out, incident: 'INC-7', span: {}, details: {}, now: START, progress: () => undefined },
      openIndex: () => Promise.reject(new Error('not installed')),
      certificates: () =>
        Promise.resolve([{ epoch: 1, value: { epoch: 1, fleet: { proven: ['gw-1', 'gw-2'], missing: ['gw-3'] } } }]),
    })
    return { missing, text: readFileSync(path.join(out, 'report.md'), 'utf8') }
  }
  const one = await written('of-a-fleet', { aud: 'cowin-prod' })
  expect(one.missing).toContainEqual(
    expect.stringMatching(/^the trails of the other gateways of cowin-prod \(gw-2, gw-3\): .*--also-dir/),
  )
  expect(one.text).toContain('that of gw-1, ONE GATEWAY OF THE FLEET cowin-prod')
  const alone = await written('alone', {})
  expect(alone.missing.filter((each) => each.includes('gateways'))).toEqual([])
  expect(alone.text).toContain('It is of one trail, that of gw-1.')
})
