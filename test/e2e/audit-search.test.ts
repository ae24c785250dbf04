// The trail searched through the control plane and by the command line: who may, what is found, and that the use is in the trail.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { verifyTrail } from '../../src/audit/verify.ts'
import {
  eventually,
  LOCK_ALL,
  signOrder,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
  type Upstream,
} from '../support/gateway-process.ts'
import { emptyFolder, json, run } from '../cli/support.ts'

const ROUTES = `
  - { id: record.read, path: "/api/v2/records/{recordId}", methods: [GET], upstream: registry, session: { level: optional } }
`
const CITIZEN = '999941057058'

let gateway: GatewayProcess
let upstream: Upstream
let cwd: string

beforeAll(async () => {
  upstream = await startRawUpstream()
  cwd = emptyFolder()
  gateway = await startGateway({ upstreamPort: upstream.port, routes: ROUTES, extra: '' })
  const authorization = `Bearer ${gateway.issuer.token({ azp: 'partner-app', amr: ['pwd'] })}`
  const withOtp = `Bearer ${gateway.issuer.token({ azp: 'partner-app' })}`
  for (const [id, header] of [
    [CITIZEN, authorization],
    ['4711', authorization],
    ['4711', withOtp],
    ['4712', undefined],
  ] as const)
    await fetch(
      `${gateway.url}/api/v2/records/${id}`,
      header === undefined ? {} : { headers: { authorization: header } },
    )
  await gateway.order(signOrder(gateway.people[0]!, LOCK_ALL))
  await fetch(`${gateway.url}/api/v2/records/4713`)
  await eventually(async () => (await found({ incident: 'INC-7', kind: 'request' })).length === 1)
})
afterAll(async () => {
  await gateway.cleanUp()
  await upstream.close()
})

const post = (at: string, body: unknown): Promise<Response> =>
  gateway.api(at, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })

interface Found {
  readonly index: number
  readonly record: Record<string, unknown>
}

async function found(query: object): Promise<readonly Found[]> {
  const answer = await post('/api/v1/audit/search', query)
  if (answer.status !== 200) throw new Error(await answer.text())
  return ((await answer.json()) as { records: readonly Found[] }).records
}

test('records are found by what they say, and by whom they are of without an identifier leaving the question', async () => {
  expect(await found({ route: 'record.read' })).toHaveLength(5)
  expect(await found({ clients: ['partner-app'] })).toHaveLength(3)
  const [mine] = await found({ identifiers: { subjects: [CITIZEN] } })
  expect(mine?.record).toMatchObject({ kind: 'request', application: 'partner-app', otp: false })
  const refused = await found({ incidents: ['INC-7'] })
  expect(refused.map(({ record }) => record.kind)).toEqual(['order', 'request'])
  const page = (await (await post('/api/v1/audit/search', { route: 'record.read', limit: 2 })).json()) as {
    next: number
  }
  expect(await found({ route: 'record.read', limit: 10, after: page.next })).toHaveLength(3)
  expect((await found({ route: 'record.read', newestFirst: true }))[0]?.record.decision).toBe('locked')
})

test('whose records were read is counted with and without OTP; a refusal is no read', async () => {
  const whose = async (query: object): Promise<unknown> => (await post('/api/v1/audit/whose', query)).json()
  const routes = ['record.read']
  expect(await whose({ routes, clients: ['partner-app'] })).toMatchObject({
    reads: 1,
    withoutOtp: 0,
    subjects: 1,
    principals: 1,
    withoutSession: 0,
  })
  expect(await whose({ routes, clients: ['127.0.0.1'] })).toMatchObject({
    reads: 2,
    withoutOtp: 1,
    subjects: 2,
    subjectsWithoutOtp: 1,
    principals: 1,
    withoutSession: 1,
  })
  const said = await run(['audit', 'whose', '--client', '127.0.0.1', '--dir', path.join(gateway.home, 'data/audit')], {
    cwd,
  })
  expect(said.stdout).toContain('by 2 reads of 1 callers')
  expect(said.stdout).toContain('no session   1 reads, whose callers are known by address alone')
})

test('sessions are found by what they did, and one that an order has ended says so', async () => {
  const sessions = async (query: object): Promise<{ sessions: number; list: Record<string, unknown>[] }> => {
    const answer = await post('/api/v1/audit/sessions', query)
    if (answer.status !== 200) throw new Error(await answer.text())
    return (await answer.json()) as { sessions: number; list: Record<string, unknown>[] }
  }
  const { list } = await sessions({ identifiers: { subjects: ['4711'] }, routes: ['record.read'] })
  expect(list).toHaveLength(2)
  const [newest] = list
  expect(newest).toMatchObject({ otp: true, reads: 1, refused: 0, people: 1, addresses: 1, client: '127.0.0.1' })
  expect(newest).toMatchObject({ application: 'partner-app', routes: ['record.read'] })
  const session = String(newest?.session)
  const revoke = { kind: 'revoke', session, reason: 'asked by phone', incident: 'INC-8' }
  expect((await gateway.order(signOrder(gateway.people[0]!, revoke))).status).toBe(201)
  const after = await sessions({ sessions: [session] })
  expect(after.sessions).toBe(1)
  expect(after.list[0]).toMatchObject({ session, revoked: { by: gateway.people[0]!.name } })
  expect((await sessions({})).sessions).toBe(2)
  expect((await post('/api/v1/audit/sessions', { kinds: ['order'] })).status).toBe(400)
})

test('each use is in the trail, with who asked for what, and nothing of it in clear', async () => {
  await found({ identifiers: { subjects: [CITIZEN] }, limit: 7 })
  let uses: readonly Found[] = []
  await eventually(async () => {
    uses = await found({ kind: 'access' })
    return uses.some(({ record }) => record.state === 'ended' && JSON.stringify(record.query).includes('subjects'))
  })
  expect(uses[0]?.record).toMatchObject({ action: 'search', by: 'read-token' })
  expect(JSON.stringify(uses)).not.toContain(CITIZEN)
  expect(gateway.log()).not.toContain(CITIZEN)
})

test('what is wrong is told at once, and never repeats a value', async () => {
  for (const [body, detail] of [
    [{ subjects: [CITIZEN] }, 'must be pseudonyms'],
    [{ form: 1 }, 'there is no form'],
    [{ limit: 0, after: -1 }, 'limit must be'],
    [{ identifiers: { owners: ['x'] } }, 'identifiers must be'],
    [[], 'must be an object'],
  ] as const) {
    const answer = await post('/api/v1/audit/search', body)
    const text = await answer.text()
    expect([answer.status, text]).toEqual([400, expect.stringContaining(detail)])
    expect(text).not.toContain(CITIZEN)
  }
  expect((await post('/api/v1/audit/whose', { sessions: [] })).status).toBe(400)
  expect((await post('/api/v1/audit/whose', {})).status).toBe(400)
  expect((await fetch(`http://127.0.0.1:${gateway.controlPort}/api/v1/audit/search`, { method: 'POST' })).status).toBe(
    401,
  )
})

test('the command line asks the control plane, or a directory, and gets the same', async () => {
  const env = { PORTCULLIS_CONTROL: `http://127.0.0.1:${gateway.controlPort}`, PORTCULLIS_TOKEN: gateway.readToken }
  const online = await run(['audit', 'whose', '--route', 'record.read', '--client', 'partner-app', '--json'], {
    cwd,
    env,
  })
  const dir = path.join(gateway.home, 'data/audit')
  const log = path.join(cwd, 'access.ndjson')
  const offline = await run(
    [
      'audit',
      'whose',
      '--dir',
      dir,
      '--access-log',
      log,
      '--route',
      'record.read',
      '--client',
      'partner-app',
      '--json',
    ],
    { cwd },
  )
  const { size: _one, ...one } = json(online.stdout)
  const { size: _other, ...other } = json(offline.stdout)
  expect(other).toEqual(one)
  const keyFile = path.join(gateway.home, 'data/pseudonym.key')
  const mine = await run(
    ['audit', 'search', '--dir', dir, '--access-log', log, '--subject', '--pseudonym-key', keyFile, '--json'],
    { cwd, input: `${CITIZEN}\n` },
  )
  expect((json(mine.stdout).records as unknown[]).length).toBe(1)
  const asked = await run(['audit', 'search', '--subject', '--json'], { cwd, env, input: `${CITIZEN}\n` })
  expect(json(asked.stdout).records).toEqual(json(mine.stdout).records)
  const refused = await run(['audit', 'search', '--subject', CITIZEN], { cwd, env })
  expect([refused.code, refused.stderr.includes(CITIZEN)]).toEqual([2, false])
  expect(readFileSync(log, 'utf8')).not.toContain(CITIZEN)
  expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(4)
  expect((await verifyTrail(dir)).problems).toEqual([])
})
