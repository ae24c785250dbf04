// The command line against a real gateway process: envelopes, drills, keys that change, keys that are lost.
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import {
  DEFAULT_ROUTES,
  eventually,
  makePerson,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
  type Person,
  type Upstream,
} from '../support/gateway-process.ts'
import { emptyFolder, json, keygen, run, type Outcome } from './support.ts'

let gateway: GatewayProcess
let upstream: Upstream
let cwd: string

beforeEach(async () => {
  upstream = await startRawUpstream()
  gateway = await startGateway({ upstreamPort: upstream.port, routes: DEFAULT_ROUTES })
  cwd = emptyFolder()
  for (const person of gateway.people) keep(person)
})
afterEach(async () => {
  await gateway.cleanUp()
  await upstream.close()
})

function keep({ name, privateKey }: Person): void {
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' })
  writeFileSync(join(cwd, `${name}.key`), pem, { mode: 0o600 })
}

const as = (who: string, ...args: readonly string[]): Promise<Outcome> =>
  run(args, {
    cwd,
    env: { PORTCULLIS_CONTROL: `http://127.0.0.1:${gateway.controlPort}`, PORTCULLIS_KEY: `${who}.key` },
  })

async function done(outcome: Promise<Outcome>): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await outcome
  if (code !== 0) throw new Error(stderr)
  return json(stdout)
}
const served = async (): Promise<number> => (await gateway.get('/api/v2/facilities')).status

test('an envelope in the orders folder freezes, once; two people release it, and it is worth nothing then', async () => {
  await done(as('lead', 'seal', 'env', '--reason', 'x', '--incident', 'E-1', '--valid-for', '1d', '--json'))
  const orders = join(gateway.home, 'data/orders')
  copyFileSync(join(cwd, 'env.jws'), join(orders, 'env.jws'))
  expect(await eventually(async () => (await served()) === 503)).toBe(true)
  const release = await done(as('night-desk', 'release', '--all', '--reason', 'closed', '--json'))
  await done(as('lead', 'approve', String(release.id), '--json'))
  expect(await served()).toBe(200)
  copyFileSync(join(cwd, 'env.jws'), join(orders, 'again.jws'))
  expect(await eventually(async () => readdirSync(orders).includes('again.jws.accepted'))).toBe(true)
  expect(await served()).toBe(200)
})

test('a drill proves each worker and locks nothing; metrics and status tell of it', async () => {
  const drill = await done(as('night-desk', 'drill', '--wait', '10s', '--json'))
  expect(drill).toMatchObject({ confirmed: true, missing: [] })
  expect(await served()).toBe(200)
  const metrics = await (await fetch(`http://127.0.0.1:${gateway.controlPort}/metrics`)).text()
  expect(metrics).toMatch(/^portcullis_time_to_lock_seconds_count 1$/m)
  expect(metrics).toMatch(/^portcullis_drill_age_seconds \d/m)
  expect(metrics).toMatch(/^portcullis_frozen 0$/m)
  expect(await done(as('night-desk', 'status', '--json'))).toMatchObject({ frozen: false, drill: { id: drill.id } })
})

test('a key is changed without a gap: the new one signs, the old one is retired, and a restart remembers both', async () => {
  const key = await keygen(cwd, 'lead#2027', 'commander')
  const args = ['--key-id', '2027', '--role', 'commander', '--public-key', key, '--reason', 'yearly', '--json']
  const enrol = await done(as('lead', 'enrol', 'lead', ...args))
  expect((await as('lead', 'approve', String(enrol.id))).code).toBe(1)
  await done(as('chief', 'approve', String(enrol.id), '--json'))
  const old = gateway.people.find(({ name }) => name === 'lead')?.key ?? ''
  const retire = await done(as('lead#2027', 'retire', 'lead', '--public-key', old, '--reason', 'yearly', '--json'))
  await done(as('chief', 'approve', String(retire.id), '--json'))
  for (const round of ['now', 'after a restart']) {
    const refused = await as('lead', 'lock', '--route', 'facilities', '--reason', round)
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('lead has been retired')])
    const lock = await done(as('lead#2027', 'lock', '--route', 'facilities', '--reason', round, '--json'))
    const back = await done(as('lead#2027', 'release', String(lock.id), '--reason', 'slip', '--withdraw', '--json'))
    expect(back).toMatchObject({ released: true })
    if (round === 'now') {
      await gateway.stop()
      await gateway.start()
    }
  }
})

test('when the keys are lost, the host enrols two new ones, offline and aloud; they release what was locked', async () => {
  const lock = await done(as('night-desk', 'freeze', '--reason', 'leak', '--json'))
  const keys = { one: await keygen(cwd, 'one', 'commander'), two: await keygen(cwd, 'two', 'commander') }
  const recover = (name: keyof typeof keys): Promise<Outcome> =>
    as(name, 'recover', name, '--public-key', keys[name], '--reason', 'safe burnt down', '--config', gateway.configFile)
  const running = await recover('one')
  expect([running.code, running.stderr]).toEqual([1, expect.stringContaining('is in use by another gateway')])
  await gateway.stop()
  for (const name of ['one', 'two'] as const) expect((await recover(name)).stdout).toContain(`${name} is enrolled at`)
  expect((await recover('one')).stderr).toContain('is the key of one')
  await gateway.start()
  expect(gateway.log()).toContain('RECOVERED')
  expect(await served()).toBe(503)
  expect(await done(as('one', 'status', '--json'))).toMatchObject({
    frozen: true,
    problems: expect.arrayContaining([expect.stringContaining('two was enrolled on this host')]),
  })
  const release = await done(as('one', 'release', String(lock.id), '--reason', 'mended', '--json'))
  expect((await as('one', 'approve', String(release.id))).code).toBe(1)
  await done(as('two', 'approve', String(release.id), '--json'))
  expect(await served()).toBe(200)
  await gateway.stop()
  const audit = join(gateway.home, 'data/audit')
  expect((await run(['audit', 'verify', audit], { cwd })).code).toBe(0)
  expect(textOf(audit).match(/"order":"recovery"/g)?.length).toBe(2)
})

function textOf(dir: string): string {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => readFileSync(join(each.parentPath, each.name), 'latin1'))
    .join('')
}

test('recover says what it lacks, and touches nothing', async () => {
  await gateway.stop()
  const { key } = makePerson('new', 'commander')
  const journal = join(gateway.home, 'data/orders.journal')
  const before = readFileSync(journal)
  for (const [args, problem] of [
    [['new', '--public-key', key], '--reason is required'],
    [['new', '--public-key', 'abc', '--reason', 'x'], '43 characters'],
    [['lead', '--public-key', key, '--reason', 'x'], 'there is a lead already'],
  ] as const)
    expect((await run(['recover', ...args, '--config', gateway.configFile], { cwd })).stderr).toContain(problem)
  expect(readFileSync(journal).equals(before)).toBe(true)
})
