// Search: what is found, by reading the trail and through the index, and that both say the same.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { openTrailIndex } from '../../src/adapters/duckdb/trail-index.ts'
import { signCheckpoint } from '../../src/audit/checkpoint.ts'
import { brokenLines, recordAccess } from '../../src/audit/search/access-log.ts'
import { buildIndex, readIndexState, STRETCH } from '../../src/audit/search/build-index.ts'
import { mergePeople } from '../../src/audit/search/merge-people.ts'
import { readPeople, writePeople } from '../../src/audit/search/people-file.ts'
import { createSearcher, type Searcher } from '../../src/audit/search/searcher.ts'
import { TileStore } from '../../src/audit/tile-store.ts'
import type { PeopleLine } from '../../src/core/people-lines.ts'
import { parseQuery, type Query, type WhoseQuery } from '../../src/core/trail-query.ts'
import type { TrailIndex } from '../../src/ports/trail-index.ts'
import { createPlace, createSigner, type Place, removePlaces, unsyncedFiles } from './trail.ts'

afterAll(removePlaces)

const START = 1_800_000_000_000
const ENTRIES = STRETCH + 4_777
const person = (kind: string, i: number): string => `k1.${`${kind}${i}`.padEnd(22, '_')}`

/** Exchanges of each kind that there is, with and without a decision of their own, some severed after they were recorded. */
function entryAt(i: number): string {
  const base = `{"time":${START + i - (i % 7 === 0 ? 40 : 0)},"seq":${i},"kind":`
  if (i % 1000 === 13) {
    return `${base}"order","gateway":"gw","worker":"main","order":"lock","outcome":"accepted","id":"o${i}","by":"desk","channel":"api","epoch":1,"locks":["o${i}"],"reason":"it's a \\"test\\" \u2028","incident":"INC-${i % 3}"}`
  }
  if (i % 1000 === 17)
    return `${base}"refusals","gateway":"gw","worker":"w1","count":${i},"addresses":2,"decisions":{"throttled":${i},"locked":1},"clients":[{"client":"192.0.2.${i % 5}","count":3},{"client":"192.0.2.9","count":1}]}`
  const exchange = i % 3 === 1 ? i - 1 : i
  const phase = i % 3 === 0 ? 'decision' : 'outcome'
  const decision = i % 11 === 0 && phase === 'outcome' ? 'locked' : 'allow'
  const status = phase === 'decision' ? '' : `,"status":${decision === 'locked' ? 503 : i % 17 === 0 ? 404 : 200}`
  const lock = decision === 'locked' ? `,"lock":"o${Math.floor(i / 1000) * 1000 + 13}"` : ''
  const session =
    i % 5 === 0
      ? ''
      : `,"principal":"${person('p', exchange % 97)}","session":"${person('s', exchange % 301)}","application":"app-${exchange % 4}","otp":${exchange % 4 !== 3}`
  const subjects = i % 13 === 0 ? '' : `,"subjects":["${person('u', exchange % 5003)}","${person('u', exchange % 71)}"]`
  const pii = i % 19 === 0 ? `,"pii":{"${i % 2 === 0 ? 'aadhaar' : 'mobile'}":${i}}` : ''
  return `${base}"request","gateway":"gw","worker":"w1","phase":"${phase}","id":"r${exchange}","client":"10.0.0.${i % 9}","method":"GET","route":"route.${exchange % 6}","path":"/x"${subjects}${session},"decision":"${decision}"${lock},"epoch":1${status}${pii}}`
}

async function writeQuickly(place: Place, count: number): Promise<void> {
  const signer = createSigner()
  mkdirSync(place.dir, { recursive: true })
  const store = await TileStore.load(unsyncedFiles, place.dir, 0)
  for (let at = 0; at < count; at += STRETCH) {
    const entries = Array.from({ length: Math.min(STRETCH, count - at) }, (_, i) => Buffer.from(entryAt(at + i)))
    await store.adopt(await store.extend(entries))
  }
  writeFileSync(join(place.dir, 'checkpoint'), signCheckpoint({ size: store.size, root: store.root() }, signer))
}

let place: Place
let indexDir: string
let index: TrailIndex
let plain: Searcher
let indexed: Searcher
const fallbacks: string[] = []

beforeAll(async () => {
  place = createPlace()
  await writeQuickly(place, ENTRIES)
  indexDir = join(place.root, 'audit.index')
  index = await openTrailIndex({ dir: indexDir, threads: 2, memoryMegabytes: 512 })
  expect(await buildIndex(place.dir, index, join(indexDir, 'build.lines'))).toBe(STRETCH)
  plain = createSearcher({ dir: place.dir })
  indexed = createSearcher({
    dir: place.dir,
    index: { index, scratchDir: indexDir },
    onFallback: (why) => fallbacks.push(why),
  })
})

afterAll(async () => {
  await indexed.close()
  index.close()
})

async function linesOf(searcher: Searcher, query: WhoseQuery): Promise<readonly PeopleLine[]> {
  const lines: PeopleLine[] = []
  for await (const line of searcher.people(query)) lines.push(line)
  return lines
}

const all = Array.from({ length: ENTRIES }, (_, i) => i)

describe('both ways', () => {
  test('find the same records, page after page, in either direction', async () => {
    const queries: Query[] = [
      { kinds: ['order'] },
      { routes: ['route.3'], clients: ['app-3'], decisions: ['locked'] },
      { clients: ['10.0.0.4'], from: START + 70_000, to: START + 70_100 },
      { subjects: [person('u', 4999)] },
      { sessions: [person('s', 300)], principals: [person('p', 9)] },
      { locks: ['o1013'] },
      { incidents: ['INC-1'] },
      { ids: ['r99', 'r69999'] },
      { decisions: ['throttled'] },
      { decisions: ['locked', 'throttled'], clients: ['192.0.2.3'] },
      { clients: ['192.0.2.9'], from: START + 2_000 },
      { pii: ['aadhaar'], clients: ['10.0.0.4'] },
      { pii: ['pan'] },
      { kinds: ['refusals'] },
      { incidents: ['INC-"none'] },
      { routes: ["route.3' OR true --"] },
    ]
    for (const query of queries) {
      for (const newestFirst of [false, true]) {
        let after: number | undefined
        for (let pages = 0; pages < 2; pages += 1) {
          const options = { limit: 40, newestFirst, ...(after === undefined ? {} : { after }) }
          const one = await indexed.page(query, options)
          expect([query, one]).toEqual([query, await plain.page(query, options)])
          if (one.next === undefined) break
          after = one.next
        }
      }
    }
    expect(fallbacks).toEqual([])
  })

  test('count the same people, exchange by exchange', async () => {
    for (const query of [
      { routes: ['route.3'], clients: ['app-3'] },
      { routes: ['route.1', 'route.2'], from: START + 10_000, to: START + 140_000 },
      { clients: ['10.0.0.8'] },
      { routes: ['none'] },
    ]) {
      const one = await indexed.whose(query, 50)
      expect([query, one]).toEqual([query, await plain.whose(query, 50)])
      expect([query, await linesOf(indexed, query)]).toEqual([query, await linesOf(plain, query)])
      const file = join(place.root, 'people.lines')
      await writePeople(file, indexed.people(query))
      const merged = await mergePeople([{ name: file, lines: readPeople(file) }], 50)
      const { list, size, ...counts } = one
      expect(merged).toMatchObject({ ...counts, size })
      expect(merged.list).toEqual(
        list.map(({ subject, ...reads }) => {
          const { firstEntry: _first, lastEntry: _last, ...told } = reads
          return { subject, ...told, trails: [{ gateway: 'gw.example/audit', ...reads }] }
        }),
      )
    }
    expect(fallbacks).toEqual([])
  })

  test('count the same sessions, and what each has read', async () => {
    for (const query of [
      {},
      { clients: ['app-3'], routes: ['route.3'] },
      { sessions: [person('s', 300)], from: START + 10_000, to: START + 140_000 },
      { principals: [person('p', 9)] },
      { subjects: [person('u', 70)] },
      { routes: ['none'] },
    ]) {
      const one = await indexed.sessions(query, 40)
      expect([query, one]).toEqual([query, await plain.sessions(query, 40)])
    }
    expect(fallbacks).toEqual([])
  })

  test('agree on whatever is asked', async () => {
    const some = <T>(values: readonly T[]): fc.Arbitrary<readonly T[] | undefined> =>
      fc.option(fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 }), { nil: undefined })
    const query = fc.record({
      routes: some(['route.0', 'route.5', 'x']),
      clients: some(['app-0', 'app-3', '10.0.0.0']),
      decisions: some(['allow', 'locked']),
      subjects: some([person('u', 3), person('u', 70)]),
      from: fc.option(fc.integer({ min: START - 50, max: START + ENTRIES }), { nil: undefined }),
    })
    await fc.assert(
      fc.asyncProperty(query, async (found) => {
        const asked = Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
        expect(await indexed.page(asked, { limit: 5 })).toEqual(await plain.page(asked, { limit: 5 }))
      }),
      { numRuns: 8 },
    )
  })
})

test('what whose counts is what the records say', async () => {
  const last = new Map<string, { status?: number; subjects?: string[]; otp?: boolean }>()
  for (const i of all) {
    const record = JSON.parse(entryAt(i)) as {
      id: string
      route?: string
      application?: string
      status?: number
      subjects?: string[]
      otp?: boolean
    }
    if (record.route === 'route.3' && record.application === 'app-3') last.set(record.id, record)
  }
  const reads = [...last.values()].filter(({ status }) => status === undefined || status < 400)
  const people = new Set(reads.flatMap(({ subjects = [] }) => subjects))
  const bare = reads.filter(({ otp }) => otp !== true)
  expect(reads.length).toBeGreaterThan(100)
  expect(await indexed.whose({ routes: ['route.3'], clients: ['app-3'] }, 1)).toMatchObject({
    reads: reads.length,
    withoutOtp: bare.length,
    subjects: people.size,
    subjectsWithoutOtp: new Set(bare.flatMap(({ subjects = [] }) => subjects)).size,
    size: ENTRIES,
  })
})

test('what a session is said to have read is what the records say', async () => {
  const last = new Map<string, { session?: string; status?: number; subjects?: string[]; route?: string }>()
  for (const i of all) {
    const record = JSON.parse(entryAt(i)) as { id: string; kind: string; session?: string; status?: number }
    if (record.kind === 'request') last.set(record.id, record)
  }
  const session = person('s', 7)
  const uses = [...last.values()].filter((each) => each.session === session)
  const reads = uses.filter(({ status }) => status === undefined || status < 400)
  expect(uses.length).toBeGreaterThan(reads.length)
  const answer = await plain.sessions({}, 1000)
  expect(answer.sessions).toBe(new Set([...last.values()].flatMap((each) => each.session ?? [])).size)
  expect(answer.list.find((each) => each.session === session)).toMatchObject({
    reads: reads.length,
    refused: uses.length - reads.length,
    people: new Set(reads.flatMap(({ subjects = [] }) => subjects)).size,
    routes: [...new Set(uses.map(({ route }) => route))].sort(),
  })
})

describe('an index that is not of this trail', () => {
  test('is not asked, and is built anew', async () => {
    const [name = ''] = await index.files()
    const file = join(indexDir, `${name}.2.parquet`)
    renameSync(file, join(indexDir, `0-${STRETCH}-00000000000000000000000000000000.2.parquet`))
    expect((await readIndexState(place.dir, index)).stale).toHaveLength(1)
    await buildIndex(place.dir, index, join(indexDir, 'build.lines'))
    expect(await index.files()).toContain(name)
    expect(readdirSync(indexDir).filter((each) => each.endsWith('.lines') && each.startsWith('build'))).toEqual([])
  })

  test('that is damaged is said, and the trail itself is read', async () => {
    const said: string[] = []
    const [name = ''] = await index.files()
    const file = join(indexDir, `${name}.2.parquet`)
    const bytes = readFileSync(file)
    writeFileSync(file, bytes.subarray(0, bytes.length >> 1))
    const searcher = createSearcher({
      dir: place.dir,
      index: { index, scratchDir: indexDir },
      onFallback: (why) => said.push(why),
    })
    try {
      expect(await searcher.page({ ids: ['r99'] }, { limit: 5 })).toEqual(
        await plain.page({ ids: ['r99'] }, { limit: 5 }),
      )
      expect(said).toHaveLength(1)
    } finally {
      await searcher.close()
      writeFileSync(file, bytes)
    }
  })
})

test('a query is read with every problem at once, and never repeats a value', () => {
  expect(parseQuery({ from: '2026-01-02T00:00:00Z', subjects: [person('u', 1)] })).toEqual({
    query: { from: Date.UTC(2026, 0, 2), subjects: [person('u', 1)] },
  })
  const bad = parseQuery({ from: 'yesterday', subjects: ['999941057058'], routes: [], owner: 1 })
  const problems = 'problems' in bad ? bad.problems : []
  expect(problems).toHaveLength(4)
  expect(problems.join()).not.toContain('999941057058')
  expect(parseQuery(null)).toHaveProperty('problems')
})

test('the log beside a copy shows a line that was changed or taken out', () => {
  const file = join(createPlace().root, 'audit.access.ndjson')
  for (const state of ['begun', 'ended', 'begun'] as const)
    recordAccess(file, { time: 1, by: 'somebody', action: 'search', state, query: {} })
  expect(brokenLines(file)).toEqual([])
  const lines = readFileSync(file, 'utf8').split('\n')
  writeFileSync(file, [lines[0], lines[2], ''].join('\n'))
  expect(brokenLines(file)).toEqual([2])
  writeFileSync(file, lines.join('\n').replace('ended', 'endex'))
  expect(brokenLines(file)).toEqual([3])
  rmSync(file)
})

test('refusals that were only counted are found by address and by decision, answers by what was seen in them', async () => {
  const countOf = async (query: Query): Promise<number> => (await indexed.page(query, { limit: 100_000 })).hits.length
  const expected = (matches: (record: Record<string, unknown>) => boolean): number =>
    all.filter((i) => matches(JSON.parse(entryAt(i)) as Record<string, unknown>)).length
  expect(await countOf({ clients: ['192.0.2.9'] })).toBe(expected(({ kind }) => kind === 'refusals'))
  expect(await countOf({ decisions: ['throttled'] })).toBe(expected(({ kind }) => kind === 'refusals'))
  expect(await countOf({ pii: ['mobile'] })).toBe(
    expected(({ pii }) => typeof pii === 'object' && pii !== null && 'mobile' in pii),
  )
  expect(fallbacks).toEqual([])
  expect(parseQuery({ pii: ['aadhar'] })).toEqual({
    problems: ['pii must be classes of personal data: aadhaar, pan, mobile, birthDate, birthYear, email'],
  })
})

test('files of the index from before these columns are taken away, and made anew', async () => {
  const old = join(indexDir, '0-65536-abcdef.parquet')
  writeFileSync(old, 'x')
  const again = await openTrailIndex({ dir: indexDir, threads: 1, memoryMegabytes: 256 })
  expect(readdirSync(indexDir)).not.toContain('0-65536-abcdef.parquet')
  expect(await again.files()).toHaveLength(1)
  again.close()
})
