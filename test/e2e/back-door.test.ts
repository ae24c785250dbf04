// Config is no back door: under a lock by order, neither a reload nor a restart takes away from it.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import {
  DEFAULT_ROUTES,
  eventually,
  LOCK_ALL,
  makePerson,
  signOrder,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
  type Upstream,
} from '../support/gateway-process.ts'

let gateway: GatewayProcess
let upstream: Upstream
let lock: string

beforeEach(async () => {
  upstream = await startRawUpstream()
  gateway = await startGateway({ upstreamPort: upstream.port, routes: DEFAULT_ROUTES })
  lock = ((await (await gateway.order(signOrder(gateway.people[0]!, LOCK_ALL))).json()) as { id: string }).id
})
afterEach(async () => {
  await gateway.cleanUp()
  await upstream.close()
})

const mallory = makePerson('mallory', 'commander')
const problems = async (): Promise<string[]> =>
  ((await (await gateway.api('/api/v1/status')).json()) as { problems: string[] }).problems

const CHANGES: readonly (readonly [name: string, change: (config: string) => string])[] = [
  [
    'adds a commander',
    (config) =>
      config.replace('responders: [', `responders: [{ name: mallory, role: commander, key: "${mallory.key}" }, `),
  ],
  ['changes a key', (config) => config.replace(/(name: chief, role: commander, key: )"[^"]+"/, `$1"${mallory.key}"`)],
  [
    'raises a role',
    (config) => config.replace('name: night-desk, role: responder', 'name: night-desk, role: commander'),
  ],
  ['loosens a posture', (config) => config.replace('stale: frozen', 'stale: serve')],
  ['moves the store', (config) => config.replace('dir: ./data,', 'dir: ./elsewhere,')],
  ['renames a locked route away', (config) => config.replace('/api/v2/facilities', '/api/v2/places')],
]

test.each(CHANGES)('a reload that %s is refused, naming the lock', async (_name, change) => {
  const before = readFileSync(gateway.configFile, 'utf8')
  const after = change(before)
  expect(after).not.toBe(before)
  writeFileSync(gateway.configFile, after)
  expect(await eventually(async () => (await problems()).some((problem) => problem.includes(lock)))).toBe(true)
  expect((await gateway.get('/api/v2/facilities')).status).toBe(503)
  // Put back, the complaint ends.
  writeFileSync(gateway.configFile, before)
  expect(await eventually(async () => (await problems()).length === 0)).toBe(true)
})

test('a commander who was added while the lock stood cannot release it', async () => {
  const before = readFileSync(gateway.configFile, 'utf8')
  writeFileSync(
    gateway.configFile,
    before.replace('responders: [', `responders: [{ name: mallory, role: commander, key: "${mallory.key}" }, `),
  )
  await eventually(async () => (await problems()).length > 0)
  expect((await gateway.order(signOrder(mallory, { kind: 'release', locks: [lock], reason: 'mine' }))).status).toBe(401)
})

test.each(CHANGES.filter(([name]) => name !== 'moves the store'))(
  'a restart that %s is refused, naming the lock',
  async (_name, change) => {
    await gateway.stop()
    writeFileSync(gateway.configFile, change(readFileSync(gateway.configFile, 'utf8')))
    await expect(gateway.start()).rejects.toThrow(lock)
    expect(await gateway.stop()).toBe(1)
  },
)

test('a restart with the store moved is refused: the trail belongs to the old one', async () => {
  await gateway.stop()
  const config = readFileSync(gateway.configFile, 'utf8').replace(
    'store: { kind: embedded, dir: ./data,',
    'store: { kind: embedded, dir: ./elsewhere,',
  )
  writeFileSync(gateway.configFile, config)
  await expect(gateway.start()).rejects.toThrow(/trail/)
})

test('a restart without the snapshot of the config that stood is refused while a lock is in force', async () => {
  await gateway.stop()
  rmSync(path.join(gateway.home, 'data/guard.json'))
  await expect(gateway.start()).rejects.toThrow(/guard\.json/)
})
