// What happens to a gateway beside orders, on every time line that there is: live, in the trail, and in an incident's evidence.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { ChangeView, RatesView } from '../../src/ports/live-views.ts'
import {
  eventually,
  LOCK_ALL,
  runCommand,
  signOrder,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'

const ROUTE = (id: string): string =>
  `  - { id: ${id}, path: /api/v2/${id}, methods: [GET], upstream: registry, session: none, audit: best-effort }\n`
const SECRET = 'hush-hush'

let gateway: GatewayProcess
let upstream: Awaited<ReturnType<typeof startRawUpstream>>
let heard = ''
const listening = new AbortController()
const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-changes-'))

beforeAll(async () => {
  upstream = await startRawUpstream()
  gateway = await startGateway({ upstreamPort: upstream.port, routes: `\n${ROUTE('a')}` })
  const events = await gateway.api('/api/v1/events', { signal: listening.signal })
  void (async () => {
    for await (const chunk of events.body ?? []) heard += Buffer.from(chunk).toString()
  })().catch(() => undefined)
})
afterAll(async () => {
  listening.abort()
  await gateway.cleanUp()
  await upstream.close()
  rmSync(home, { recursive: true })
})

const told = (): readonly ChangeView[] =>
  [...heard.matchAll(/^event: change\ndata: (.*)$/gm)].map(([, data = '']) => JSON.parse(data) as ChangeView)
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

test('a reload, a refused one and one against a lock are told to who listens, and to who comes later', async () => {
  const before = readFileSync(gateway.configFile, 'utf8')
  const taken = `${before}${ROUTE('b')}${ROUTE('c')}# ${SECRET}\n`
  writeFileSync(gateway.configFile, taken)
  expect(await eventually(async () => told().length === 1)).toBe(true)
  writeFileSync(gateway.configFile, taken.replace('session: required', `session: ${SECRET}`))
  expect(await eventually(async () => told().length === 2)).toBe(true)
  const [desk] = gateway.people
  if (desk === undefined) throw new Error('nobody responds')
  expect((await gateway.order(signOrder(desk, LOCK_ALL))).status).toBe(201)
  const against = taken.replace(ROUTE('c'), '')
  writeFileSync(gateway.configFile, against)
  expect(await eventually(async () => told().length === 3)).toBe(true)
  const changes = [
    { kind: 'config', outcome: 'taken', config: hashOf(taken), changed: ['routes.b', 'routes.c'] },
    { kind: 'config', outcome: 'refused', reason: 'invalid' },
    { kind: 'config', outcome: 'refused', reason: 'lock-in-force', config: hashOf(against) },
  ]
  expect(told()).toMatchObject(changes)
  const rates = (await (await gateway.api('/api/v1/rates')).json()) as RatesView
  expect(rates.changes).toMatchObject([{ kind: 'start', config: hashOf(before) }, ...changes])
  expect(JSON.stringify(rates)).not.toContain(SECRET)
  const metrics = await (await fetch(`http://127.0.0.1:${gateway.controlPort}/metrics`)).text()
  const at = Number(/^portcullis_config_last_reload_success_timestamp_seconds (.*)$/m.exec(metrics)?.[1])
  expect(at).toBeCloseTo((told()[0]?.at ?? 0) / 1000, 3)
})

test('each is a record of the trail, and stands between the orders of an incident in its evidence', async () => {
  expect(await gateway.stop()).toBe(0)
  expect(await eventually(async () => told().length === 4)).toBe(true)
  expect(told().at(-1)).toMatchObject({ kind: 'stop' })
  const dir = path.join(gateway.home, 'data/audit')
  const kinds = ['config', 'start', 'stop'].flatMap((kind) => ['--kind', kind])
  const found = await runCommand(['audit', 'search', '--dir', dir, ...kinds, '--json'])
  const { records } = JSON.parse(found.stdout) as { records: readonly { record: Record<string, unknown> }[] }
  expect(records.map(({ record }) => `${String(record.kind)} ${String(record.outcome ?? '')}`)).toEqual([
    'start ',
    'config taken',
    'config refused',
    'config refused',
    'stop ',
  ])
  expect(found.stdout).not.toContain(SECRET)

  const out = path.join(home, 'INC-7')
  const drafted = await runCommand(['incident', 'report', 'INC-7', '--dir', dir, '--out', out])
  expect([drafted.code, drafted.stderr]).toEqual([0, expect.any(String)])
  const timeline = readFileSync(path.join(out, 'timeline.csv'), 'utf8')
  expect(
    timeline
      .split('\r\n')
      .slice(1, -1)
      .map((line) => line.replace(/^.*?,"(.*)"$/, '$1')),
  ).toEqual([
    expect.stringMatching(/^gateway started: version \d+[.]\d+[.]\d+, config [0-9a-f]{12}, epoch 0$/),
    expect.stringMatching(/^config changed from [0-9a-f]{12} to [0-9a-f]{12}: routes[.]b, routes[.]c$/),
    expect.stringMatching(/^config refused \(invalid\), config [0-9a-f]{12}$/),
    expect.stringMatching(/^lock accepted by night-desk/),
    expect.stringMatching(/^proof: 3 of 3 canaries/),
    expect.stringMatching(/^config refused \(lock-in-force\), config [0-9a-f]{12}$/),
    expect.stringMatching(/^gateway stopped: /),
  ])
  const verified = spawnSync(process.execPath, [path.join(out, 'verify.mjs'), out], { encoding: 'utf8' })
  expect([verified.status, verified.stderr]).toEqual([0, ''])
})
