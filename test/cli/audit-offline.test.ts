// portcullis audit on a copy of a trail: prove, export, retention, resume, and what is said where something is wrong.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { copyPlace, createPlace, createSigner, type Place, removePlaces, writeTrail } from '../audit/trail.ts'
import type { FleetWhose } from '../../src/core/people-lines.ts'
import { emptyFolder, json, run } from './support.ts'

afterAll(removePlaces)

let dir: string
let vkey: string

beforeAll(async () => {
  const place = createPlace()
  const entries = Array.from(
    { length: 600 },
    (_, i) =>
      `{"time":${1_800_000_000_000 + i},"seq":${i},"kind":"request","gateway":"gw","worker":"w1","phase":"outcome","id":"r${i}","client":"=cmd|'/c calc'!A1","method":"GET","route":"route.${i % 3}","path":"/x","subjects":["k.${'u'.padEnd(22, String(i % 7))}"],"decision":"allow","epoch":1,"status":200}`,
  )
  const sealer = await writeTrail(place, [entries])
  dir = place.dir
  vkey = sealer.vkey
})

const audit = (cwd: string, ...args: readonly string[]) => run(['audit', ...args], { cwd })

test('a record is proven, checked, and no other passes for it', async () => {
  const cwd = emptyFolder()
  const proven = await audit(cwd, 'prove', 'r42', '--dir', dir)
  expect([proven.code, proven.stdout]).toEqual([0, expect.stringContaining('PROVEN')])
  expect(readdirSync(cwd).sort()).toEqual(['entry-42.json', 'entry-42.tlog-proof'])
  const check = (...more: string[]) => audit(cwd, 'verify-proof', 'entry-42.tlog-proof', ...more)
  expect((await check('--record', 'entry-42.json', '--vkey', vkey)).code).toBe(0)
  writeFileSync(join(cwd, 'other.json'), readFileSync(join(cwd, 'entry-42.json'), 'utf8').replace('r42', 'r43'))
  expect((await check('--record', 'other.json', '--vkey', vkey)).code).toBe(1)
  expect((await check('--record', 'entry-42.json')).code).toBe(2)
  const again = await audit(cwd, 'prove', '42', '--dir', dir)
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('is not overwritten')])
  for (const [id, why] of [
    ['nobody', 'has the id nobody'],
    // Of an order: a hash may begin so.
    [`-${'d'.repeat(42)}`, `has the id -${'d'.repeat(42)}`],
    ['600', 'there is no entry 600'],
    [`gw;t=1;h=:${Buffer.alloc(32).toString('base64')}:`, 'DOES NOT HAVE'],
    [`gw;t=1800000060000;h=:${Buffer.alloc(32).toString('base64')}:`, 'ends before the record of this receipt'],
  ])
    expect(await audit(cwd, 'prove', id ?? '', '--dir', dir)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(why ?? ''),
    })
})

describe('an export', () => {
  test('stands alone: its own verifier finds it whole, and what was changed', async () => {
    const cwd = emptyFolder()
    const { code, stdout } = await audit(cwd, 'export', '--dir', dir, '--route', 'route.1', '--out', 'pack', '--json')
    expect([code, json(stdout)]).toEqual([0, { out: 'pack', format: 'ndjson', records: 200 }])
    expect(readdirSync(join(cwd, 'pack')).sort()).toEqual([
      'checkpoint',
      'proofs.ndjson',
      'records.ndjson',
      'verify.mjs',
      'vkey',
    ])
    const verify = () =>
      spawnSync(process.execPath, ['pack/verify.mjs', 'pack', '--key', vkey], { cwd, encoding: 'utf8' })
    expect(verify()).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('200 records') })
    const astray = spawnSync(process.execPath, ['pack/verify.mjs'], { cwd, encoding: 'utf8' })
    expect([astray.status, astray.stdout]).toEqual([2, expect.stringContaining('no export where you are')])
    const records = join(cwd, 'pack/records.ndjson')
    writeFileSync(records, readFileSync(records, 'utf8').replace('"r100"', '"r101"'))
    expect(verify().status).toBe(1)
    expect((await audit(cwd, 'export', '--dir', dir, '--out', 'pack')).stderr).toContain('is not overwritten')
  })

  test('as CSV runs nothing, as OCSF is one event a line, as Parquet has every record', async () => {
    const cwd = emptyFolder()
    const csv = await audit(cwd, 'export', '--dir', dir, '--id', 'r7', '--format', 'csv', '--out', '-')
    expect(csv.stdout.split('\r\n')[1]).toContain(`"'=cmd|'/c calc'!A1"`)
    const ocsf = await audit(cwd, 'export', '--dir', dir, '--limit', '3', '--format', 'ocsf', '--out', '-')
    expect(
      ocsf.stdout
        .trimEnd()
        .split('\n')
        .map((line) => json(line).type_uid),
    ).toEqual([600302, 600302, 600302])
    const parquet = await audit(cwd, 'export', '--dir', dir, '--format', 'parquet', '--out', 'pq', '--json')
    expect([parquet.code, parquet.stderr, json(parquet.stdout).records]).toEqual([0, '', 600])
    expect(readdirSync(join(cwd, 'pq')).sort()).toEqual(['checkpoint', 'records.parquet', 'verify.mjs', 'vkey'])
    expect(readFileSync(join(cwd, 'pq/records.parquet')).subarray(0, 4).toString()).toBe('PAR1')
  })
})

test('where the use cannot be recorded nothing is shown, and the flag that helps is named', async () => {
  const cwd = emptyFolder()
  mkdirSync(join(cwd, 'no'))
  const { code, stdout, stderr } = await audit(cwd, 'search', '--dir', dir, '--access-log', join(cwd, 'no'))
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toContain('--access-log')
})

test('a query that cannot be is refused before anything is recorded', async () => {
  const cwd = emptyFolder()
  const log = join(cwd, 'access')
  for (const [args, why] of [
    [['search', '--since', 'yesterday'], 'RFC 3339'],
    [['search', '--limit', 'many'], '--limit many'],
    [['search', '--subject'], '--pseudonym-key'],
    [['search', '--subject', '999941057058'], 'do not belong on the command line'],
    [['search', '--decision', 'lokced'], 'did you mean "locked"?'],
    [['whose'], '--route ROUTE'],
    [['export'], '--out DIR'],
  ] as const) {
    const [command, ...more] = args
    const outcome = await audit(cwd, command, '--dir', dir, '--access-log', log, ...more)
    expect([args, outcome.code, outcome.stderr]).toEqual([args, 2, expect.stringContaining(why)])
    expect(outcome.stderr).not.toContain('999941057058')
  }
  expect((await audit(cwd, 'search', '--dir', join(cwd, 'none'), '--access-log', log)).code).toBe(2)
  expect(existsSync(log)).toBe(false)
})

test('a name that no record has is not answered with nobody', async () => {
  const cwd = emptyFolder()
  const whose = (...more: string[]) => audit(cwd, 'whose', '--dir', dir, '--access-log', join(cwd, 'log'), ...more)
  expect(await whose('--route', 'rute.1')).toEqual({
    code: 1,
    stdout: '',
    stderr: '--route rute.1: no record of this trail has it, did you mean "route.1"?\n',
  })
  expect(await whose('--route', 'route.1', '--client', '9876543210')).toMatchObject({
    code: 1,
    stderr: expect.not.stringContaining('9876543210'),
  })
  const before = await whose('--route', 'route.1', '--until', '2001-01-01T00:00:00Z')
  expect([before.code, before.stdout]).toEqual([0, expect.stringContaining('0 people')])
})

test('an index is built beside the trail or where it is told, and verify goes on where it stood', async () => {
  const cwd = emptyFolder()
  const built = await audit(cwd, 'index', dir, '--index-dir', 'idx', '--json')
  expect(json(built.stdout)).toEqual({ dir, indexDir: 'idx', added: 0, indexed: 0, size: 600 })
  const search = await audit(
    cwd,
    'search',
    '--dir',
    dir,
    '--index-dir',
    'idx',
    '--access-log',
    'log',
    '--id',
    'r5',
    '--json',
  )
  expect([search.stderr, (json(search.stdout).records as unknown[]).length]).toEqual(['', 1])
  const retention = await audit(cwd, 'retention', dir, '--prove', '--key', vkey, '--json')
  expect(json(retention.stdout)).toMatchObject({ ok: true, minimum: 0, size: 600, oldest: 1_800_000_000_000 })
  writeFileSync(join(cwd, 'resume'), 'x')
  expect((await audit(cwd, 'verify', dir, '--resume', 'resume')).stderr).toContain('damaged')
  chmodSync(join(cwd, 'resume'), 0o600)
})

test('the trails of a fleet are searched as one, in order of their times, each use recorded beside each', async () => {
  const cwd = emptyFolder()
  const other = createPlace()
  const entries = Array.from(
    { length: 300 },
    (_, i) =>
      `{"time":${1_800_000_000_000 + 2 * i},"seq":${i},"kind":"request","gateway":"other","worker":"w1","id":"o${i}","route":"route.1","decision":"allow","status":200}`,
  )
  await writeTrail(other, [entries], createSigner('gw.example/other', 2))
  const built = await audit(cwd, 'index', dir, other.dir)
  expect(built.code === 0 || built.stderr.includes('no index can be built')).toBe(true)
  const found = async (...more: readonly string[]) => {
    const answer = await audit(cwd, 'search', '--dir', dir, '--also-dir', other.dir, '--route', 'route.1', ...more)
    return answer.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { time: number; gateway: string })
  }
  const all = await found('--ndjson')
  expect(all).toHaveLength(500)
  expect(all.map(({ time }) => time)).toEqual(all.map(({ time }) => time).toSorted((a, b) => a - b))
  expect(new Set(all.map(({ gateway }) => gateway))).toEqual(new Set(['gw', 'other']))
  expect(await found('--ndjson', '--newest', '--limit', '7')).toEqual(all.toReversed().slice(0, 7))
  expect(readFileSync(`${other.dir}.access.ndjson`, 'utf8')).toContain('"route.1"')
  expect(await audit(cwd, 'search', '--also-dir', other.dir)).toMatchObject({ code: 2 })
  expect(await audit(cwd, 'search', '--dir', dir, '--pii', 'aadhar')).toMatchObject({ code: 2 })
  expect(await audit(cwd, 'index', dir, other.dir, '--index-dir', cwd)).toMatchObject({ code: 2 })
})

describe('three trails of a fleet, copied to one place', () => {
  const subject = (i: number): string => `k.${String(i).padStart(22, 'u')}`
  const places: Place[] = []
  let dirs: readonly string[]

  beforeAll(async () => {
    for (const at of [0, 1, 2]) {
      const place = createPlace()
      // Each has twenty people, ten of whom the next one has too; every third read is without OTP.
      const entries = Array.from(
        { length: 60 },
        (_, i) =>
          `{"time":${1_800_000_000_000 + 1000 * at + i},"seq":${i},"kind":"request","gateway":"gw${at}","worker":"w1","phase":"outcome","id":"t${at}r${i}","route":"record.read","application":"app","principal":"k.${'p'.padEnd(22, String(i % 2))}","subjects":["${subject(10 * at + (i % 20))}"],"otp":${i % 3 !== 0},"decision":"allow","epoch":1,"status":200}`,
      )
      await writeTrail(place, [entries], createSigner(`portcullis/gateway-${at}`, at + 1))
      places.push(place)
    }
    dirs = places.flatMap(({ dir: each }, at) => [at === 0 ? '--dir' : '--also-dir', each])
  })

  test('count a person whom two of them name once, and say which trail and which entries each row is of', async () => {
    const cwd = emptyFolder()
    const { code, stdout } = await audit(cwd, 'whose', ...dirs, '--route', 'record.read', '--json', '--limit', '0')
    expect(code).toBe(0)
    const answer = json(stdout) as unknown as FleetWhose
    expect(answer).toMatchObject({ subjects: 40, subjectsWithoutOtp: 40, principals: 2, reads: 180, withoutOtp: 60 })
    expect(answer).toMatchObject({ first: 1_800_000_000_000, last: 1_800_000_002_059, missing: [] })
    expect(answer.trails.map(({ gateway, subjects, size }) => [gateway, subjects, size])).toEqual(
      [0, 1, 2].map((at) => [`portcullis/gateway-${at}`, 20, 60]),
    )
    const shared = answer.list.find((each) => each.subject === subject(12))
    expect(shared).toMatchObject({
      reads: 6,
      trails: [
        { gateway: 'portcullis/gateway-0', reads: 3, firstEntry: 12, lastEntry: 52 },
        { gateway: 'portcullis/gateway-1', reads: 3, firstEntry: 2, lastEntry: 42 },
      ],
    })
    // The row's entry, from the trail that it names, proven under the root that the answer gives.
    const proven = await audit(cwd, 'prove', '42', '--dir', places[1]?.dir ?? '')
    expect(proven.code).toBe(0)
    expect(readFileSync(join(cwd, 'entry-42.json'), 'utf8')).toContain(subject(12))
    expect(readFileSync(join(cwd, 'entry-42.tlog-proof'), 'utf8')).toContain(String(answer.trails[1]?.root))
    const lines = await audit(cwd, 'whose', ...dirs, '--route', 'record.read', '--ndjson')
    const people = lines.stdout
      .trimEnd()
      .split('\n')
      .map((line) => json(line).subject)
    expect(people).toEqual(Array.from({ length: 40 }, (_, i) => subject(i)).sort())
    const shown = await audit(cwd, 'whose', ...dirs, '--route', 'record.read')
    expect(shown.stdout).toMatch(/40 people.*180 reads of 2 callers[^]*portcullis\/gateway-2 +20 +60/)
    for (const { dir: each } of places) expect(readFileSync(`${each}.access.ndjson`, 'utf8')).toContain('"whose"')
  })

  test('refuse a second copy of one of them, and end where one cannot be read, which is named', async () => {
    const cwd = emptyFolder()
    const [one, two] = places
    if (one === undefined || two === undefined) throw new Error('no places')
    const copy = copyPlace(one)
    const twice = await audit(cwd, 'whose', '--dir', one.dir, '--also-dir', copy.dir, '--route', 'record.read')
    expect([twice.code, twice.stdout]).toEqual([2, ''])
    expect(twice.stderr).toContain(`${one.dir} and ${copy.dir} are both the trail of portcullis/gateway-0`)
    const broken = copyPlace(two)
    writeFileSync(join(broken.dir, 'tile/entries/000.p/60'), 'x')
    const ended = await audit(cwd, 'whose', '--dir', one.dir, '--also-dir', broken.dir, '--route', 'record.read')
    expect([ended.code, ended.stdout]).toEqual([1, ''])
    expect(ended.stderr).toContain(broken.dir)
  })

  test('are exported each by itself, with the proofs and the verifier of each', async () => {
    const cwd = emptyFolder()
    const { code, stdout } = await audit(cwd, 'export', ...dirs, '--route', 'record.read', '--out', 'pack', '--json')
    expect([code, json(stdout)]).toMatchObject([0, { records: 180 }])
    expect(readdirSync(join(cwd, 'pack')).sort()).toEqual(['gateway-0', 'gateway-1', 'gateway-2'])
    for (const each of ['gateway-0', 'gateway-1', 'gateway-2'])
      expect(spawnSync(process.execPath, [`pack/${each}/verify.mjs`, `pack/${each}`], { cwd }).status).toBe(0)
  })
})
