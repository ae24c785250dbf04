// Whose records one client has read through three gateways of a fleet: one answer, in which nobody counts twice and nobody is missing
// without being named. Real gateways, a real Redis; and their trails, copied to one place.
import { randomUUID } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createFleetSeal } from '../../src/adapters/node/fleet-seal.ts'
import { loadSigner } from '../../src/adapters/node/signer.ts'
import type { FleetWhose } from '../../src/core/people-lines.ts'
import { keyFileOf } from '../support/browser.ts'
import { LOGIN_TYP, signCompact } from '../support/control-signing.ts'
import { describeWithRedis, fleetStoreOf, isReady } from '../support/fleet-processes.ts'
import {
  eventually,
  makePerson,
  prepareGateway,
  runCommand,
  signOrder,
  startRawUpstream,
  type GatewayProcess,
  type Person,
  type Upstream,
} from '../support/gateway-process.ts'
import { makeSigner } from '../support/fleet-rig.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'

const FLEET = 'cowin-whose'
const ROUTES = `
  - { id: record.read, path: "/api/v2/records/{recordId}", methods: [GET], upstream: registry, session: { level: optional } }
`
const people = [
  makePerson('lead', 'commander'),
  makePerson('chief', 'commander'),
  makePerson('clerk', 'viewer'),
] as const
const [lead, chief, clerk] = people

describeWithRedis('whose records were read through a fleet was')('three gateways, one client', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'portcullis-whose-'))
  const gateways: GatewayProcess[] = []
  let redis: RedisServer
  let upstream: Upstream
  let key: string
  const at = (index: number): GatewayProcess => {
    const found = gateways[index]
    if (found === undefined) throw new Error(`no gateway ${index}`)
    return found
  }
  const controlOf = (gateway: GatewayProcess): string => `http://127.0.0.1:${gateway.controlPort}`
  const ask = (gateway: GatewayProcess, what: 'whose' | 'search', body: object): Promise<Response> =>
    gateway.api(`/api/v1/audit/${what}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
  /** The last record is under a checkpoint. */
  const isSealed = async (gateway: GatewayProcess, reads: number): Promise<boolean> => {
    const answer = await ask(gateway, 'whose', { routes: ['record.read'] })
    return ((await answer.json()) as FleetWhose).reads === reads
  }
  const whose = async (
    ...args: readonly string[]
  ): Promise<{ code: number | null; answer: FleetWhose; stderr: string }> => {
    const { code, stdout, stderr } = await runCommand(['audit', 'whose', '--route', 'record.read', '--json', ...args])
    return { code, stderr, answer: (stdout === '' ? {} : JSON.parse(stdout)) as FleetWhose }
  }

  beforeAll(async () => {
    redis = await startRedis()
    upstream = await startRawUpstream()
    const store = fleetStoreOf(home, FLEET)({ url: redis.url })
    for (let index = 0; index < 3; index += 1)
      gateways.push(
        await prepareGateway({
          ...{ upstreamPort: upstream.port, routes: ROUTES, people, store },
          pseudonymKeyFile: path.join(home, 'pseudonym.key'),
        }),
      )
    await at(0).start('/healthz')
    await at(0).order(signOrder(lead, { kind: 'genesis', reason: 'a new fleet' }, { aud: FLEET }))
    await Promise.all([at(1).start('/healthz'), at(2).start('/healthz')])
    expect(await eventually(async () => (await Promise.all(gateways.map(isReady))).every(Boolean), 30_000)).toBe(true)
    key = keyFileOf(home, lead)
    // 4711 through all three, twice without a session; 4712 through the second and third with it; 4713 through the third without.
    const otp = (gateway: GatewayProcess): string => gateway.issuer.token({ azp: 'partner-app' })
    const reads = [
      [0, '4711', otp],
      [1, '4711', undefined],
      [1, '4712', otp],
      [2, '4711', undefined],
      [2, '4712', otp],
      [2, '4713', undefined],
    ] as const
    for (const [index, id, token] of reads)
      expect((await at(index).get(`/api/v2/records/${id}`, token?.(at(index)))).status).toBe(200)
    for (const [index, count] of [1, 2, 3].entries())
      expect(await eventually(() => isSealed(at(index), count), 10_000)).toBe(true)
  })

  afterAll(async () => {
    for (const gateway of gateways) await gateway.cleanUp()
    await redis?.stop()
    await upstream?.close()
    rmSync(home, { recursive: true })
  })

  test('are one answer to who asks one of them with a key: a union, with and without OTP, first and last over all', async () => {
    const { code, answer, stderr } = await whose('--control', controlOf(at(1)), '--key', key)
    expect([code, stderr]).toEqual([0, ''])
    expect(answer).toMatchObject({
      subjects: 3,
      subjectsWithoutOtp: 2,
      reads: 6,
      withoutOtp: 3,
      principals: 1,
      missing: [],
    })
    expect(answer.list.map(({ reads, withoutOtp, trails }) => [reads, withoutOtp, trails.length])).toEqual([
      [3, 2, 3],
      [2, 0, 2],
      [1, 1, 1],
    ])
    expect(answer.trails.map(({ subjects }) => subjects).sort()).toEqual([1, 2, 3])
    expect(answer.keys).toHaveLength(1)
    const times = answer.trails.flatMap(({ first = 0, last = 0 }) => [first, last])
    expect([answer.first, answer.last]).toEqual([Math.min(...times), Math.max(...times)])
    // Each has it in its own trail who asked.
    const isRecorded = async (gateway: GatewayProcess): Promise<boolean> => {
      const used = await ask(gateway, 'search', { kinds: ['access'], newestFirst: true, limit: 50 })
      const { records } = (await used.json()) as { records: { record: { by: string; action: string } }[] }
      return records.some(({ record }) => record.by === 'lead' && record.action === 'whose')
    }
    for (const gateway of gateways) expect(await eventually(() => isRecorded(gateway))).toBe(true)
  })

  test('are searched as one, each record with its gateway, its entry and the checkpoint above it', async () => {
    const args = ['--route', 'record.read', '--json', '--control', controlOf(at(0)), '--key', key]
    const { code, stdout } = await runCommand(['audit', 'search', ...args])
    const found = JSON.parse(stdout) as {
      records: { gateway: string; index: number; record: { gateway: string; time: number } }[]
      trails: { gateway: string; size: number; root: string }[]
      missing: unknown[]
    }
    expect([code, found.records.length, found.trails.length, found.missing]).toEqual([0, 6, 3, []])
    const times = found.records.map(({ record }) => record.time)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    for (const { gateway, index, record } of found.records) {
      expect(record.gateway).toBe(gateway)
      expect(index).toBeLessThan(found.trails.find((each) => each.gateway === gateway)?.size ?? 0)
    }
  })

  test('a read token goes nowhere but where it was named; a viewer is refused by each', async () => {
    const token = { PORTCULLIS_TOKEN: at(0).readToken }
    const args = ['audit', 'whose', '--route', 'record.read', '--json', '--control', controlOf(at(0))]
    const alone = await runCommand(args, token)
    expect(alone.code).toBe(3)
    const { missing, subjects } = JSON.parse(alone.stdout) as FleetWhose
    expect([subjects, missing.length]).toEqual([1, 2])
    for (const { why } of missing) expect(why).toContain('a read token goes only where it is named')
    expect(alone.stderr).toContain('this is not the whole fleet')
    expect((await runCommand([...args, '--alone'], token)).code).toBe(0)
    const refused = await whose('--control', controlOf(at(0)), '--key', keyFileOf(home, clerk))
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('a viewer does not search the trail')])
  })

  const nameOf = (gateway: GatewayProcess): string =>
    readFileSync(path.join(gateway.home, 'data/audit/vkey'), 'utf8').split('+')[0] ?? ''
  const signBy = (who: Person, typ: string, claims: object): string => {
    const payload = { iss: who.name, iat: Math.floor(Date.now() / 1000), jti: randomUUID(), ...claims }
    return signCompact({ alg: 'EdDSA', typ, kid: who.name }, payload, who.privateKey)
  }
  const signIn = async (gateway: GatewayProcess, who: Person): Promise<string> => {
    const aud = controlOf(gateway)
    const { nonce } = (await (await fetch(`${aud}/api/v1/login/nonce`)).json()) as { nonce: string }
    const opened = await fetch(`${aud}/api/v1/login`, {
      method: 'POST',
      body: JSON.stringify({ login: signBy(who, LOGIN_TYP, { aud, nonce }) }),
      headers: { 'content-type': 'application/json' },
    })
    return ((await opened.json()) as { token: string }).token
  }
  const questionOf = (who: Person, via: string, over: Record<string, unknown> = {}): string =>
    signBy(who, 'portcullis-question+jwt', { aud: FLEET, via, whose: { routes: ['record.read'] }, ...over })
  const askSigned = async (gateway: GatewayProcess, question: string, token: string): Promise<Response> =>
    fetch(`${controlOf(gateway)}/api/v1/audit/whose`, {
      method: 'POST',
      body: JSON.stringify({ question, limit: 10 }),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    })

  test('one gateway passes on what a person has signed, as its page asks, and every trail names who that was, and by way of whom', async () => {
    const token = await signIn(at(0), lead)
    const answer = await askSigned(at(0), questionOf(lead, nameOf(at(0))), token)
    expect(answer.status).toBe(200)
    const found = (await answer.json()) as FleetWhose
    expect(found).toMatchObject({
      subjects: 3,
      subjectsWithoutOtp: 2,
      reads: 6,
      withoutOtp: 3,
      principals: 1,
      missing: [],
    })
    expect(found.trails.map(({ gateway }) => gateway).sort()).toEqual(gateways.map(nameOf).sort())
    for (const index of [1, 2])
      expect(
        await eventually(async () => {
          const used = await ask(at(index), 'search', { kinds: ['access'], newestFirst: true, limit: 50 })
          const { records } = (await used.json()) as { records: { record: Record<string, unknown> }[] }
          return records.some(({ record }) => record.by === 'lead' && record.via === nameOf(at(0)))
        }),
      ).toBe(true)
    // No list stays behind.
    for (const gateway of gateways)
      expect(
        readdirSync(path.join(gateway.home, 'data/audit.index')).filter((each) => each.startsWith('people-')),
      ).toEqual([])
  })

  test('what nobody has signed, or somebody else, or for another gateway, opens no trail', async () => {
    const token = await signIn(at(0), lead)
    const via = nameOf(at(0))
    for (const [question, status, detail] of [
      [questionOf(lead, nameOf(at(1))), 400, 'via must be'],
      [questionOf(lead, via, { aud: 'another' }), 400, 'aud must be'],
      [questionOf(lead, via, { iat: 1 }), 400, 'iat must be'],
      [questionOf(lead, via, { whose: { sessions: [] } }), 400, 'sessions must be'],
      [questionOf(clerk, via), 400, 'a viewer does not search'],
      [questionOf(makePerson('lead', 'commander'), via), 400, ''],
      [questionOf(chief, via), 403, 'by whoever has signed it'],
    ] as const) {
      const answer = await askSigned(at(0), question, token)
      expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining(detail)])
    }
    const post = async (body: object): Promise<[number, string]> => {
      const answer = await fetch(`${controlOf(at(1))}/api/v1/fleet/people`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      })
      return [answer.status, await answer.text()]
    }
    // Overheard; and passed on by somebody who has the fleet's secret, and no key of the gateway that was asked.
    const question = questionOf(lead, via)
    const signer = makeSigner()
    const secrets = [readFileSync(path.join(home, 'fleet.secret'), 'utf8').trim()]
    const stranger = createFleetSeal({ fleet: FLEET, secrets: () => secrets, signer })
    const forged = stranger.seal('asked', JSON.stringify({ gateway: via, question }))
    for (const body of [{ question }, { question, via: 'x' }, { question, via: forged }, {}])
      expect(await post(body)).toEqual([403, expect.stringContaining('passed on by the member of the fleet')])
    // By the key of the member itself it is answered, once.
    const own = createFleetSeal({
      fleet: FLEET,
      secrets: () => secrets,
      signer: loadSigner(path.join(at(0).home, 'data/gateway.key'), 'x'),
    })
    const passed = { question, via: own.seal('asked', JSON.stringify({ gateway: via, question })) }
    expect((await post(passed))[0]).toBe(200)
    expect(await post(passed)).toEqual([403, expect.stringContaining('has been answered')])
    // Nor does what was passed on once pass on another one.
    const other = { ...passed, question: questionOf(lead, via) }
    expect(await post(other)).toEqual([403, expect.stringContaining('passed on by the member of the fleet')])
  })

  test('one that is killed is named, with where it was and why it is not in the answer', async () => {
    const name = /^([^+]+)\+/.exec(readFileSync(path.join(at(2).home, 'data/audit/vkey'), 'utf8'))?.[1]
    await at(2).stop('SIGKILL')
    const { code, answer, stderr } = await whose('--control', controlOf(at(0)), '--key', key)
    expect(code).toBe(3)
    expect(answer).toMatchObject({ subjects: 2, subjectsWithoutOtp: 1, reads: 3, withoutOtp: 1 })
    expect(answer.missing).toMatchObject([{ gateway: name, address: controlOf(at(2)) }])
    expect(answer.missing[0]?.why).toContain('refuses the connection')
    expect(stderr).toContain(`MISSING  ${name} at ${controlOf(at(2))}`)
    const signed = await askSigned(at(0), questionOf(lead, nameOf(at(0))), await signIn(at(0), lead))
    expect(await signed.json()).toMatchObject({ subjects: 2, missing: [{ gateway: name, address: controlOf(at(2)) }] })
    // The same where it was named itself.
    const named = await whose(...[2, 0].flatMap((each) => ['--control', controlOf(at(each))]), '--key', key)
    expect([named.code, named.answer.missing]).toMatchObject([3, [{ gateway: name }]])
  })

  test('copied elsewhere, the trails of all three say the same as the fleet did', async () => {
    const copies = gateways.map(({ home: from }, index) => {
      const to = path.join(home, `copy-${index}`)
      cpSync(path.join(from, 'data/audit'), to, { recursive: true })
      return to
    })
    const dirs = copies.flatMap((copy, index) => [index === 0 ? '--dir' : '--also-dir', copy])
    const { code, answer } = await whose(...dirs)
    expect(code).toBe(0)
    expect(answer).toMatchObject({
      subjects: 3,
      subjectsWithoutOtp: 2,
      reads: 6,
      withoutOtp: 3,
      principals: 1,
      missing: [],
    })
  })
})
