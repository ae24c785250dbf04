// An incident from its opening to its evidence: by the command line, before one real gateway, and checked by the verifier alone.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { keyFileOf } from '../support/browser.ts'
import { startTimeServer } from '../support/time-server.ts'
import {
  eventually,
  runCommand,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'

const ROUTES = `
  - { id: partner.lookup, path: "/api/v2/partner/{mobile}", methods: [GET], upstream: registry, tags: [pii], session: none }
`
const HOSTILE = 'sold <script>alert(1)</script> | =HYPERLINK("x") \u202e\u2028\u001b[2J'

describe('an incident', () => {
  let gateway: GatewayProcess
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>
  let time: Awaited<ReturnType<typeof startTimeServer>>
  let access: readonly string[]
  const home = mkdtempSync(path.join(tmpdir(), 'portcullis-incident-'))
  const out = path.join(home, 'INC-7')
  const incident = (...args: readonly string[]) => runCommand(['incident', ...args])

  beforeAll(async () => {
    upstream = await startRawUpstream()
    time = await startTimeServer()
    gateway = await startGateway({
      upstreamPort: upstream.port,
      routes: ROUTES,
      audit: `clock: { servers: ["127.0.0.1:${time.port}"], every: 1m, alarm: 1s }`,
    })
    const [desk] = gateway.people
    if (desk === undefined) throw new Error('nobody responds')
    access = ['--control', `http://127.0.0.1:${gateway.controlPort}`, '--key', keyFileOf(gateway.home, desk)]
    for (const mobile of ['9876543210', '9876543211', '9876543210']) await gateway.get(`/api/v2/partner/${mobile}`)
  })
  afterAll(async () => {
    await gateway.cleanUp()
    await upstream.close()
    time.close()
    rmSync(home, { recursive: true })
  })

  test('is opened with the time at which it was noticed, and both clocks run from there', async () => {
    const noticedAt = new Date(Date.now() - 3_600_000).toISOString()
    const opened = await incident('open', 'INC-7', '--title', HOSTILE, '--noticed-at', noticedAt, ...access)
    expect([opened.code, opened.stderr]).toEqual([0, ''])
    const shown = await incident('show', 'INC-7', '--json', ...access)
    const [found] = (
      JSON.parse(shown.stdout) as { incidents: { noticedAt: string; certInDue: string; boardDue: string }[] }
    ).incidents
    expect(found).toMatchObject({ noticedAt, certInDue: new Date(Date.parse(noticedAt) + 6 * 3_600_000).toISOString() })
    const metrics = await (await fetch(`http://127.0.0.1:${gateway.controlPort}/metrics`)).text()
    const left = Number(/^portcullis_incident_report_deadline_seconds (.*)$/m.exec(metrics)?.[1])
    expect(left).toBeGreaterThan(4.9 * 3600)
    expect(left).toBeLessThan(5 * 3600)
    expect(metrics).toMatch(/^portcullis_incidents_open 1$/m)
    // Three reads, of two people: each time anew.
    expect(metrics).toMatch(/^portcullis_people_read_total\{route="partner.lookup",otp="no"\} 3$/m)
  })

  test('watch tells its state to a pipe, a line a change', async () => {
    const watched = await runCommand(['watch', '--times', '2', '--every', '0.1', ...access])
    expect([watched.code, watched.stdout.trim().split('\n').length]).toEqual([0, 1])
    expect(watched.stdout).toMatch(/OPEN {2}epoch 0 {2}0 locks {2}proven 1 of 1/)
    expect((await runCommand(['watch', '--times', 'x', ...access])).code).toBe(2)
  })

  test('takes in the freeze that names it, and its reports are drafted out of the trail', async () => {
    const freeze = ['freeze', '--reason', HOSTILE, '--incident', 'INC-7', '--wait', ...access]
    expect((await runCommand(freeze)).code).toBe(0)
    expect((await gateway.get('/api/v2/partner/9876543212')).status).toBe(503)
    const dir = path.join(gateway.home, 'data/audit')
    const details = path.join(home, 'details.json')
    writeFileSync(details, JSON.stringify({ organisation: 'Registry of Records' }))
    // What was just decided is sealed within a second.
    expect(
      await eventually(async () => {
        rmSync(out, { recursive: true, force: true })
        rmSync(`${out}.tar`, { force: true })
        const drafted = await incident('report', 'INC-7', '--dir', dir, '--out', out, '--details', details, ...access)
        return (
          drafted.code === 0 &&
          (JSON.parse(readFileSync(path.join(out, 'report.json'), 'utf8')) as Report).facts.requests.locked === 1
        )
      }, 15_000),
    ).toBe(true)
    const { facts, forms } = JSON.parse(readFileSync(path.join(out, 'report.json'), 'utf8')) as Report
    expect(facts).toMatchObject({
      locks: 1,
      people: 2,
      peopleWithoutOtp: 2,
      reads: 3,
      requests: { total: 4, allowed: 3, locked: 1, refused: 0 },
    })
    const fieldOf = (name: string) => forms[0]?.fields.find((field) => field.name === name)
    expect(fieldOf('Organisation')).toEqual({ name: 'Organisation', value: 'Registry of Records', from: 'details' })
    expect(fieldOf('Operating system')).toEqual({ name: 'Operating system', from: 'gap' })
    expect(fieldOf('Detection date and time')?.from).toBe('trail')
  })

  interface Report {
    readonly facts: { readonly requests: { readonly locked: number } }
    readonly forms: readonly { readonly fields: readonly { readonly name: string; readonly from: string }[] }[]
  }

  test('nothing that was written into it runs or forges, in any of its forms', () => {
    const html = readFileSync(path.join(out, 'report.html'), 'utf8')
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(html).not.toMatch(/<script|\u202e|\u001b/)
    expect(html).toContain('GAP: the gateway does not know this')
    const markdown = readFileSync(path.join(out, 'report.md'), 'utf8')
    expect(markdown).toContain('\\<script\\>')
    expect(readFileSync(path.join(out, 'timeline.csv'), 'utf8')).not.toMatch(/(^|,)"=|\u001b/m)
    for (const file of ['report.html', 'report.md', 'report.json', 'records.ndjson'])
      expect(readFileSync(path.join(out, file), 'utf8')).not.toMatch(/987654321/)
  })

  test('the archive unpacks anywhere, and the verifier in it checks every record; an edit is found', () => {
    const elsewhere = path.join(home, 'elsewhere')
    expect(spawnSync('mkdir', [elsewhere]).status).toBe(0)
    expect(spawnSync('tar', ['-xf', `${out}.tar`, '-C', elsewhere]).status).toBe(0)
    const pack = path.join(elsewhere, 'INC-7')
    expect(readdirSync(pack)).toEqual(
      expect.arrayContaining(['report.html', 'records.ndjson', 'proofs.ndjson', 'verify.mjs', 'checkpoint']),
    )
    const key = readFileSync(path.join(pack, 'vkey'), 'utf8').trim()
    const verify = () =>
      spawnSync(process.execPath, [path.join(pack, 'verify.mjs'), pack, '--key', key], { encoding: 'utf8' })
    const whole = verify()
    expect([whole.status, whole.stderr]).toEqual([0, ''])
    expect(whole.stdout).toMatch(
      /certificate-1\.json: 1 of 1 gateways have shown that they refuse, for order \S+, epoch 1/,
    )
    expect(whole.stdout).toMatch(/clock\.ndjson: [1-9]\d* readings of time servers, each in the log/)
    expect(spawnSync('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: pack }).status).toBe(0)
    expect((JSON.parse(readFileSync(path.join(pack, 'report.json'), 'utf8')) as { missing: string[] }).missing).toEqual(
      [],
    )
    // Of each file one letter, with the sums made anew as whoever did it would: what the log or a key has signed is found all the same.
    const sums = (): void => {
      const files = readdirSync(pack).filter((file) => file !== 'SHA256SUMS')
      writeFileSync(path.join(pack, 'SHA256SUMS'), spawnSync('sha256sum', files, { cwd: pack }).stdout)
    }
    for (const [file, from, to, isSigned] of [
      ['records.ndjson', '"allow"', '"error"', true],
      ['proofs.ndjson', '"proof":["', '"proof":["A', true],
      ['clock.ndjson', 'stratum', 'Stratum', true],
      ['certificate-1.json', '"epoch": 1', '"epoch": 2', true],
      ['timeline.csv', 'utc', 'UTC', false],
      ['records.parquet', 'PAR1', 'PAR2', false],
    ] as const) {
      const place = path.join(pack, file)
      const kept = readFileSync(place)
      writeFileSync(place, kept.toString('latin1').replace(from, to), 'latin1')
      expect([file, verify().status]).toEqual([file, 1])
      sums()
      expect([file, verify().status]).toEqual([file, isSigned ? 1 : 0])
      writeFileSync(place, kept)
      sums()
    }
    rmSync(path.join(pack, 'SHA256SUMS'))
    expect(verify().stdout).toContain('SHA256SUMS is missing')
  })

  test('the copy for tools has every record with its number in the log', async () => {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    const records = readFileSync(path.join(out, 'records.ndjson'), 'utf8').trimEnd().split('\n')
    const proofs = readFileSync(path.join(out, 'proofs.ndjson'), 'utf8').trimEnd().split('\n')
    const reader = await connection.runAndReadAll(
      `SELECT "index", "seq", "kind", "time" FROM read_parquet('${path.join(out, 'records.parquet')}') ORDER BY "index"`,
    )
    const rows = reader.getRows().map((row) => row.map((value) => (typeof value === 'bigint' ? Number(value) : value)))
    expect(rows).toEqual(
      records.map((line, at) => {
        const { seq, kind, time: when } = JSON.parse(line) as Record<string, unknown>
        return [(JSON.parse(proofs[at] ?? '') as { index: number }).index, seq, kind, when]
      }),
    )
    connection.closeSync()
  })

  test('a mistyped one is neither closed nor marked, and a report that may not ask leaves nothing behind', async () => {
    for (const args of [
      ['close', 'INC-77', '--reason', 'over'],
      ['reported', 'INC-77', '--to', 'cert-in'],
    ])
      expect(await incident(...args, ...access)).toMatchObject({ code: 2, stderr: expect.stringContaining('"INC-7"') })
    expect((await incident('list', ...access)).stdout).not.toContain('INC-77')
    const out = path.join(home, 'half')
    const trail = path.join(gateway.home, 'data/audit')
    const asked = await incident('report', 'INC-7', '--dir', trail, '--out', out, ...access.slice(0, 2))
    expect([asked.code, asked.stderr, existsSync(out)]).toEqual([2, expect.stringContaining('read token'), false])
    const astray = await incident('report', 'INC-7', '--dir', `${trail}-2`, '--out', out)
    expect([astray.code, astray.stderr]).toEqual([2, expect.stringContaining('there is no such file')])
  })

  test('is marked as reported and closed, and then nothing is due', async () => {
    for (const args of [
      ['reported', 'INC-7', '--to', 'cert-in'],
      ['close', 'INC-7', '--reason', 'over'],
    ])
      expect((await incident(...args, ...access)).code).toBe(0)
    const shown = await incident('show', ...access)
    expect(shown.stdout).toMatch(/INC-7 {2}closed/)
    expect(shown.stdout).toMatch(/CERT-In {2}reported at/)
    const metrics = await (await fetch(`http://127.0.0.1:${gateway.controlPort}/metrics`)).text()
    expect(metrics).not.toMatch(/^portcullis_incident_report_deadline_seconds /m)
    expect(
      (await incident('report', 'INC-8', '--dir', path.join(gateway.home, 'data/audit'), '--out', path.join(home, 'x')))
        .code,
    ).toBe(1)
  })
})
