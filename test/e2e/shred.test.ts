// Recorded detail: encrypted where a route asks for it, shown to who may, erased by person, and the trail intact after all of it.
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { verifyTrail } from '../../src/audit/verify.ts'
import { run } from '../cli/support.ts'
import {
  eventually,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
  type Upstream,
} from '../support/gateway-process.ts'

const ROUTES = `
  - { id: record.read, path: "/api/v2/records/{recordId}", methods: [GET], upstream: registry, session: none,
      record: { level: RequestResponse, request: [query.district, query.near], response: [/centre/name, /uid] } }
  - { id: record.write, path: /api/v2/records, methods: [POST], upstream: registry, session: none, audit: best-effort, subjects: [query.who],
      record: { level: Request, request: [body./dose, body./note] } }
  - { id: plain, path: /api/v2/plain, methods: [GET], upstream: registry, session: none }
`
const ORDER = ['record.read', 'record.write', 'plain']
/** What is recorded in detail, and so must stand nowhere. */
const DETAIL = ['Planted-North', 'Planted-Centre', 'planted-dose', 'planted-note']
const IDENTIFIERS = ['999941057058', '5550012345', '9876543210']

let gateway: GatewayProcess
let upstream: Upstream
const env = (): Record<string, string> => ({
  PORTCULLIS_CONTROL: `http://127.0.0.1:${gateway.controlPort}`,
  PORTCULLIS_KEY: path.join(gateway.home, 'lead.key'),
})
const shred = (args: readonly string[], input = '', key = 'lead') =>
  run(['audit', 'shred', ...args], {
    cwd: gateway.home,
    env: { ...env(), PORTCULLIS_KEY: path.join(gateway.home, `${key}.key`) },
    input,
  })

beforeAll(async () => {
  upstream = await startRawUpstream((socket) => {
    const body = '{"uid":"999941057058","centre":{"name":"Planted-Centre"},"unasked":"planted-unasked"}'
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  })
  gateway = await startGateway({ upstreamPort: upstream.port, routes: ROUTES, workers: 2 })
  for (const { name, privateKey } of gateway.people)
    writeFileSync(path.join(gateway.home, `${name}.key`), privateKey.export({ format: 'pem', type: 'pkcs8' }), {
      mode: 0o600,
    })
  const ask = async (at: string, init?: RequestInit): Promise<void> => {
    const answer = await fetch(`${gateway.url}${at}`, init)
    expect(answer.status).toBe(200)
    await answer.arrayBuffer()
  }
  await ask('/api/v2/records/999941057058?district=Planted-North&near=9876543210&other=planted-unasked')
  await ask('/api/v2/records/5550012345?district=Planted-North')
  await ask('/api/v2/records?who=5550012345', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"dose":"planted-dose","note":["planted-note"],"unasked":"planted-unasked"}',
  })
  await ask('/api/v2/plain?district=Planted-North')
  await eventually(async () => (await search()).length === 4)
})
afterAll(async () => {
  await gateway.cleanUp()
  await upstream.close()
})

interface Found {
  readonly record: Readonly<Record<string, unknown>>
  readonly detail?: unknown
}

async function search(query: object = {}): Promise<readonly Found[]> {
  const answer = await gateway.api('/api/v1/audit/search', {
    method: 'POST',
    body: JSON.stringify({ kind: 'request', detail: true, ...query }),
    headers: { 'content-type': 'application/json' },
  })
  if (answer.status !== 200) throw new Error(await answer.text())
  const { records } = (await answer.json()) as { records: readonly Found[] }
  return records.filter(({ record }) => record.phase !== 'decision')
}

async function details(): Promise<readonly unknown[]> {
  const rank = ({ record }: Found): number => ORDER.indexOf(String(record.route))
  // Two workers: the log has no order between them.
  return (await search()).toSorted((a, b) => rank(a) - rank(b)).map(({ detail }) => detail)
}

/** All that stands in the gateway's files and log. */
function written(): string {
  const texts = globSync('**', { cwd: gateway.home }).map((file) => {
    try {
      return readFileSync(path.join(gateway.home, file), 'latin1')
    } catch {
      // A directory, or a tile that a fuller one has replaced.
      return ''
    }
  })
  return [...texts, gateway.log()].join('\n')
}

test('what a route names is recorded, identifiers in it as pseudonyms, and nothing that no route names', async () => {
  const pseudonym = expect.stringMatching(/^[\w-]{6}\.[\w-]{22}$/)
  expect(await details()).toEqual([
    {
      'query.district': ['Planted-North'],
      'query.near': [pseudonym],
      'response./centre/name': ['Planted-Centre'],
      'response./uid': [pseudonym],
    },
    {
      'query.district': ['Planted-North'],
      'response./centre/name': ['Planted-Centre'],
      'response./uid': [pseudonym],
    },
    { 'body./dose': ['planted-dose'] },
    undefined,
  ])
  const shown = await run(['audit', 'search', '--route', 'record.write', '--detail'], { cwd: gateway.home, env: env() })
  expect(shown.stdout).toContain('body./dose=planted-dose')
})

test('the detail stands nowhere in clear, keys least of all in the trail', () => {
  const text = written()
  expect(text).toContain('"detail":{"keys":["')
  for (const each of [...DETAIL, ...IDENTIFIERS, 'planted-unasked'])
    expect({ each, found: text.includes(each) }).toEqual({ each, found: false })
})

test('only a commander erases, and only with a reason, and says so twice where nobody can be asked', async () => {
  expect((await shred(['--subject', '--yes', '--reason', 'x'], '5550012345\n', 'night-desk')).stderr).toContain(
    'takes a commander',
  )
  expect(await shred(['--subject', '--reason', 'x'], '5550012345\n')).toMatchObject({ code: 2 })
  expect(await shred(['--yes', '--subject'], '5550012345\n')).toMatchObject({ code: 2 })
  expect(await shred(['--yes', '--reason', 'x'])).toMatchObject({ code: 2 })
  expect((await shred(['--yes', '--reason', 'x', '--to', '2026-02-30'])).stderr).toContain('to must be a day')
  expect((await details()).filter((each) => each === 'erased')).toHaveLength(0)
})

test('one person’s detail is erased: theirs alone, for good, and said in the trail; every proof holds', async () => {
  const done = await shred(['--subject', '--yes', '--reason', 'asked for, ticket 812'], '5550012345\n')
  expect(done).toMatchObject({ code: 0 })
  expect(done.stdout).toContain('ERASED')
  const [kept, ...erased] = await details()
  expect(kept).toMatchObject({ 'query.district': ['Planted-North'] })
  expect(erased).toEqual(['erased', 'erased', undefined])
  // What comes after is under a new key.
  await fetch(`${gateway.url}/api/v2/records/5550012345?district=Planted-South`).then((answer) => answer.arrayBuffer())
  await eventually(async () => (await search()).length === 5)
  expect((await details())[2]).toMatchObject({ 'query.district': ['Planted-South'] })
  await eventually(async () => (await search({ kind: 'erasure' })).length === 2)
  const [begun, ended] = (await search({ kind: 'erasure' })).map(({ record }) => record)
  expect(begun).toMatchObject({ state: 'begun', by: 'lead', reason: 'asked for, ticket 812' })
  expect(ended).toMatchObject({ state: 'ended' })
  expect(Number(ended?.keys)).toBeGreaterThan(0)
  expect(JSON.stringify([begun, ended])).not.toContain('5550012345')

  const shown = await run(['audit', 'search', '--route', 'record.write', '--detail', '--json'], {
    cwd: gateway.home,
    env: env(),
  })
  expect(shown.stdout).toContain('"erased"')
  const id = String((await search({ route: 'record.write' }))[0]?.record.id)
  const dir = path.join(gateway.home, 'data/audit')
  const proof = path.join(gateway.home, 'x.tlog-proof')
  expect(await gateway.stop()).toBe(0)
  expect(await verifyTrail(dir)).toMatchObject({ ok: true, warnings: [] })
  expect(await run(['audit', 'prove', id, '--dir', dir, '--out', proof], { cwd: gateway.home })).toMatchObject({
    code: 0,
  })
  const vkey = readFileSync(path.join(dir, 'vkey'), 'utf8').trim()
  const verified = await run(
    ['audit', 'verify-proof', proof, '--record', path.join(gateway.home, 'x.json'), '--vkey', vkey],
    { cwd: gateway.home },
  )
  expect(verified.stdout).toContain('PROVEN')
  // A copy of the trail, with the keys beside it or anywhere.
  const offline = await run(['audit', 'search', '--dir', dir, '--kind', 'request', '--detail', '--json'], {
    cwd: gateway.home,
  })
  expect(offline.stdout.match(/"erased"/g)).toHaveLength(2)
  expect(offline.stdout).toContain('Planted-Centre')
  for (const each of DETAIL) expect(written().includes(each)).toBe(false)
})
