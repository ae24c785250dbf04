// What a session that ran away comes to in a real gateway: a suggestion that somebody may sign, or, where the config has a key for it, a
// lock of that session alone which opens by itself, or its end.
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  eventually,
  makePerson,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'

const ROUTES = `
  - { id: record.read, path: "/records/{id}", methods: [GET], upstream: registry, session: { level: required }, subjects: [param.id], throttle: { subjects: default }, audit: best-effort }
  - { id: own.read, path: "/own/{id}", methods: [GET], upstream: registry, session: { level: required, bind: { param.id: claim.ids } }, subjects: [param.id], throttle: { subjects: default }, audit: best-effort }
  - { id: me, path: /me, methods: [GET], upstream: registry, session: { level: required }, audit: best-effort }
`
const people = [
  makePerson('night-desk', 'responder'),
  makePerson('lead', 'commander'),
  makePerson('chief', 'commander'),
]

interface Status {
  readonly locks: readonly { readonly scope: { readonly sessions?: readonly string[] }; readonly expires?: string }[]
  readonly suggestions: readonly { readonly alert: string; readonly command: string; readonly mode: string }[]
}

let upstream: Awaited<ReturnType<typeof startRawUpstream>>
beforeAll(async () => {
  upstream = await startRawUpstream()
})
afterAll(() => upstream.close())

const statusOf = async (gateway: GatewayProcess): Promise<Status> =>
  (await (await gateway.api('/api/v1/status')).json()) as Status
const get = async (gateway: GatewayProcess, at: string, token: string): Promise<number> =>
  (await gateway.get(at, token)).status

describe('without a key of its own', () => {
  let gateway: GatewayProcess
  beforeAll(async () => {
    gateway = await startGateway({
      upstreamPort: upstream.port,
      routes: ROUTES,
      people,
      extra: 'throttle: { honey: ["666"] }',
    })
  })
  afterAll(() => gateway.cleanUp())

  test('the session is held, and a lock of it is suggested, to be signed', async () => {
    const token = gateway.issuer.token()
    expect(await get(gateway, '/records/666', token)).toBe(429)
    expect(await eventually(async () => (await statusOf(gateway)).suggestions.length > 0)).toBe(true)
    const { suggestions, locks } = await statusOf(gateway)
    expect(locks).toEqual([])
    expect(suggestions).toMatchObject([{ alert: 'honey-subject', mode: 'deny' }])
    expect(suggestions[0]?.command).toMatch(/^portcullis lock --session \S+ --reason 'detector honey-subject'$/)
    expect(await get(gateway, '/me', token)).toBe(429)
    expect(await get(gateway, '/records/1', gateway.issuer.token({ sub: 'somebody else' }))).toBe(200)
  })
})

describe('with a key of its own', () => {
  let gateway: GatewayProcess
  const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-own-key-'))
  beforeAll(async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const keyFile = path.join(home, 'own.key')
    writeFileSync(keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 })
    const own = { name: 'gate', role: 'responder', key: publicKey.export({ format: 'jwk' }).x ?? '', privateKey }
    gateway = await startGateway({
      ...{ upstreamPort: upstream.port, routes: ROUTES, people: [...people, own] },
      extra: `throttle: { honey: ["666"], lock: { keyFile: "${keyFile}", ttl: 10m } }`,
    })
  })
  afterAll(async () => {
    await gateway.cleanUp()
    rmSync(home, { recursive: true, force: true })
  })

  test('a honey subject locks that session on every route, and nobody else, for as long as the config says', async () => {
    const token = gateway.issuer.token()
    expect(await get(gateway, '/me', token)).toBe(200)
    expect(await get(gateway, '/records/666', token)).toBe(429)
    expect(await eventually(async () => (await get(gateway, '/me', token)) === 503)).toBe(true)
    expect(await get(gateway, '/me', gateway.issuer.token({ sub: 'somebody else' }))).toBe(200)
    const { locks, suggestions } = await statusOf(gateway)
    expect(suggestions).toEqual([])
    expect(locks).toHaveLength(1)
    expect(locks[0]?.scope.sessions).toHaveLength(1)
    expect(JSON.stringify(locks[0])).toContain('honey-subject')
  })

  test('the sixth stranger ends the session for good', async () => {
    const token = gateway.issuer.token({ sub: 'prying', ids: ['7'] })
    expect(await get(gateway, '/own/7', token)).toBe(200)
    for (let id = 0; id < 6; id++) expect(await get(gateway, `/own/${String(1_000 * id + 500)}`, token)).toBe(403)
    expect(await eventually(async () => (await get(gateway, '/me', token)) === 401)).toBe(true)
    expect((await gateway.get('/me', token)).headers.get('www-authenticate')).toContain('invalid_token')
    expect(await get(gateway, '/me', gateway.issuer.token({ sub: 'prying' }))).toBe(200)
  })
})
