// What a worker keeps over a reload and what it makes anew: sessions that were verified, connections to the upstreams.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { createAddresses } from '../../src/adapters/ipaddr/addresses.ts'
import { createClock } from '../../src/adapters/node/clock.ts'
import { createRandomness } from '../../src/adapters/node/randomness.ts'
import { openSettings, type OpenedSettings, type SettingsDeps } from '../../src/app/worker-settings.ts'
import { parseConfig } from '../../src/config/parse-config.ts'
import { createReplayMemory, createReplaySlab } from '../../src/throttle/replay-slab.ts'
import { createAuthority } from '../support/certificates.ts'
import { makeIssuer } from '../support/gateway-process.ts'
import { SAMPLE } from '../config/sample.ts'
import { createBudgetMemory, createBudgetSlab } from '../../src/throttle/budget-slab.ts'

const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-settings-'))
afterAll(() => {
  rmSync(home, { recursive: true, force: true })
})
const authority = createAuthority(home)
const [gate, other] = [authority.issue('gate'), authority.issue('other')]
writeFileSync(path.join(home, 'jwks.json'), JSON.stringify(makeIssuer().jwks))

const nothing = (): undefined => undefined
const clock = createClock()
const deps: SettingsDeps = {
  clock,
  addresses: createAddresses(),
  pseudonyms: { of: (_kind, value) => value },
  logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  telemetry: {
    settled: nothing,
    sessionChecked: nothing,
    throttled: nothing,
    observed: nothing,
    anomaly: nothing,
    unjudged: nothing,
    streamCut: nothing,
    connectionRefused: nothing,
    upstreamOverloaded: nothing,
    recorded: nothing,
    lost: nothing,
    durable: nothing,
  },
  isUp: () => true,
  randomness: createRandomness(),
  replays: createReplaySlab(createReplayMemory(1024)),
  budgets: createBudgetSlab(createBudgetMemory(64, 1), 0),
}
const SECURE = SAMPLE.replace('  workers: 1', '  workers: 1\n  tls: { cert: ./gate.crt, key: ./gate.key }').replace(
  'registry: { url: http://127.0.0.1:9000 }',
  'registry: { url: https://127.0.0.1:9000, tls: { ca: ./authority.crt, cert: ./other.crt, key: ./other.key } }',
)

async function open(text: string, before?: OpenedSettings): Promise<OpenedSettings> {
  const parsed = parseConfig(text, { file: path.join(home, 'portcullis.yaml'), env: {}, now: clock.now() })
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems))
  const { config } = parsed
  if (config.gateway === undefined) throw new Error('the sample has a data plane')
  return openSettings(config, config.gateway, deps, before)
}

test('another certificate of the listener takes neither sessions nor connections away', async () => {
  const first = await open(SECURE)
  expect([first.settings.scheme, first.secure?.cert]).toEqual(['https', gate.cert])
  copyFileSync(other.certFile, gate.certFile)
  copyFileSync(other.keyFile, gate.keyFile)
  const second = await open(SECURE, first)
  expect(second.secure?.cert).toBe(other.cert)
  expect([second.verifier === first.verifier, second.settings.upstreams === first.settings.upstreams]).toEqual([
    true,
    true,
  ])
  expect(second.settings.verifier).toBe(first.verifier)
})

test.each([
  ['another audience', 'audience: registry', 'audience: others', [false, true]],
  ['another claim that sessions must keep', 'claim.record_ids', 'claim.patients', [false, true]],
  ['another timeout of an upstream', 'targets: [http', 'connectTimeout: 1s, targets: [http', [true, false]],
  ['another route', '/api/facilities', '/api/places', [true, true]],
] as const)('%s: only what it concerns is made anew', async (_name, from, to, kept) => {
  const first = await open(SECURE)
  expect(SECURE).toContain(from)
  const second = await open(SECURE.replace(from, to), first)
  expect([second.verifier === first.verifier, second.settings.upstreams === first.settings.upstreams]).toEqual(kept)
  expect(second.settings.routes).not.toBe(first.settings.routes)
})

test('another certificate towards an upstream is another client', async () => {
  const first = await open(SECURE)
  const { cert, key } = authority.issue('renewed')
  writeFileSync(other.certFile, cert)
  writeFileSync(other.keyFile, key)
  const second = await open(SECURE, first)
  expect([second.verifier === first.verifier, second.settings.upstreams === first.settings.upstreams]).toEqual([
    true,
    false,
  ])
})

test('a listener that was started with TLS, or without, stays so: the upstream is told the truth', async () => {
  const plain = await open(SAMPLE)
  expect([plain.settings.scheme, plain.secure]).toEqual(['http', undefined])
  expect((await open(SECURE, plain)).settings.scheme).toBe('http')
  expect((await open(SAMPLE, await open(SECURE))).settings.scheme).toBe('https')
})
