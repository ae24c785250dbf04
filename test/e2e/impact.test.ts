// Before pressing: two gateways and a real Redis tell what a lock would have refused, by the API and the command line; and what an
// observing lock has met beside what was predicted.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis, fleetStoreOf, servedBy } from '../support/fleet-processes.ts'
import {
  DEFAULT_ROUTES,
  eventually,
  makePerson,
  prepareGateway,
  runCommand,
  signOrder,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'

const withRedis = describeWithRedis('impact over a fleet was')
const FLEET = 'impact-e2e'
const [desk, lead, chief] = [
  makePerson('night-desk', 'responder'),
  makePerson('lead', 'commander'),
  makePerson('chief', 'commander'),
]
const ROUTES = `${DEFAULT_ROUTES.trimEnd()}
  - { id: sms.delivered, path: /api/v2/sms, methods: [POST], upstream: registry, session: none, tags: [callback] }
`

withRedis('two gateways of two workers each', () => {
  let redis: RedisServer
  let gateways: GatewayProcess[] = []
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>
  const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-impact-'))
  const keyFile = path.join(home, 'night-desk.key')
  const at = (index: number): GatewayProcess => gateways[index] as GatewayProcess
  const cli = (...args: readonly string[]) =>
    runCommand(args, { PORTCULLIS_CONTROL: `http://127.0.0.1:${at(0).controlPort}`, PORTCULLIS_KEY: keyFile })

  beforeAll(async () => {
    writeFileSync(keyFile, desk.privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 })
    ;[redis, upstream] = [await startRedis(), await startRawUpstream()]
    const store = fleetStoreOf(home, FLEET)({ url: redis.url })
    const options = { upstreamPort: upstream.port, routes: ROUTES, workers: 2, people: [desk, lead, chief], store }
    gateways = await Promise.all([prepareGateway(options), prepareGateway(options)])
    await at(0).start('/healthz')
    // One key of the pseudonyms for a fleet, as the docs ask: a person has one name then.
    mkdirSync(path.join(at(1).home, 'data'), { recursive: true })
    copyFileSync(path.join(at(0).home, 'data/pseudonym.key'), path.join(at(1).home, 'data/pseudonym.key'))
    await at(1).start('/healthz')
    const genesis = signOrder(lead, { kind: 'genesis', reason: 'a new fleet' }, { aud: FLEET })
    expect((await at(0).order(genesis)).status).toBe(201)
    expect(await eventually(async () => (await servedBy(at(1))) === 200, 10_000)).toBe(true)
    expect(await eventually(async () => (await servedBy(at(0))) === 200, 10_000)).toBe(true)
  })

  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.cleanUp()))
    await upstream.close()
    await redis.stop()
    rmSync(home, { recursive: true, force: true })
  })

  test('what came to any worker of any gateway is counted; a person that came to both counts once', async () => {
    const [one, two] = [at(0).issuer, at(1).issuer]
    const asha = { record_ids: ['asha'], sub: 'asha', sid: 'login-1', azp: 'clinic-7' }
    const ask = async (index: number, token: string): Promise<void> => {
      expect((await at(index).get('/api/v2/records/asha', token)).status).toBe(200)
    }
    for (let turn = 0; turn < 5; turn++) await ask(0, one.token(asha))
    await ask(1, two.token(asha))
    await ask(1, two.token({ ...asha, sid: 'login-2', azp: 'lab-1' }))
    expect((await at(1).get('/api/v2/records/asha')).status).toBe(401)
    for (const gateway of gateways)
      expect((await fetch(`${gateway.url}/api/v2/sms`, { method: 'POST', body: '{}' })).status).toBe(200)

    const { code, stdout } = await cli('impact', '--tag', 'pii', '--json')
    expect(code).toBe(0)
    const view = JSON.parse(stdout) as Record<string, unknown>
    expect(view).toMatchObject({
      ...{ requests: 7, sessions: 2, clients: 2, isSampled: false, mode: 'deny', missing: [] },
      covers: ['record.read', 'record.write'],
      busiestClients: [
        { client: 'clinic-7', requests: 6 },
        { client: 'lab-1', requests: 1 },
      ],
    })
    expect((view.gateways as { requests: number }[]).map(({ requests }) => requests).toSorted()).toEqual([2, 5])
    const whole = await cli('impact', '--method', 'POST')
    expect([whole.code, whole.stdout]).toEqual([0, expect.stringMatching(/CALLBACK {2}sms.delivered, 2 times/)])
    expect((await cli('impact', '--client', 'lab-1', '--mode', 'read-only', '--json')).stdout).toMatch(/"requests": 0/)
  })

  test('a lock that observes refuses nothing, and is told beside what was predicted, over the fleet', async () => {
    const locked = await cli('lock', '--tag', 'pii', '--mode', 'observe', '--reason', 'is it safe?', '--json')
    expect(locked.code).toBe(0)
    const { id } = JSON.parse(locked.stdout) as { id: string }
    const token = at(0).issuer.token({ record_ids: ['ravi'], sub: 'ravi', sid: 'login-9', azp: 'clinic-7' })
    for (let turn = 0; turn < 3; turn++) expect((await at(0).get('/api/v2/records/ravi', token)).status).toBe(200)
    type Seen = { predicted?: { requests: number }; came: { requests: number; sessions: number }; isFinal: boolean }
    const observed = async (): Promise<Seen> => JSON.parse((await cli('impact', '--lock', id, '--json')).stdout) as Seen
    expect(await eventually(async () => (await observed()).came.requests === 3, 20_000)).toBe(true)
    expect(await observed()).toMatchObject({
      predicted: { requests: 7 },
      came: { requests: 3, sessions: 1 },
      isFinal: false,
    })
    const status = await cli('status')
    expect(status.stdout).toMatch(/predicted {2}\d requests of .*\n.*came {7}3 requests of 1 session,/)
    expect((await cli('impact', '--lock', id.slice(0, 12), '--json')).stdout).toContain(id)
    expect((await cli('impact', '--lock', 'no-such-lock')).code).toBe(1)
  })

  test('what cannot be asked is refused with what would be right', async () => {
    const wrong = await cli('impact', '--route', 'record.reed')
    expect([wrong.code, wrong.stderr]).toEqual([
      1,
      expect.stringMatching(/scope.routes: there is no "record.reed".*record.read/),
    ])
    expect((await cli('impact', '--lock', 'x', '--tag', 'pii')).code).toBe(2)
    expect((await cli('impact', '--mode', 'throttle')).code).toBe(2)
  })

  test('a gateway that does not answer is named, and the command ends with 3', async () => {
    at(1).child().kill('SIGSTOP')
    const { code, stdout, stderr } = await cli('impact', '--json')
    at(1).child().kill('SIGCONT')
    const view = JSON.parse(stdout) as { missing: string[]; gateways: unknown[] }
    expect([code, view.missing.length, view.gateways.length]).toEqual([3, 1, 1])
    expect(stderr).toBe('')
  })
})
