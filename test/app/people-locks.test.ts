// Whom a lock by a detector reaches: the caller as it was counted, once.
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Parts } from '../../src/app/parts.ts'
import { lockerOf, proposerOf } from '../../src/app/people-locks.ts'
import type { AnomalyRecord } from '../../src/core/audit-record.ts'
import type { LockScope } from '../../src/core/scope.ts'
import { createFakeClock, createFakeLogger, createFakeRandomness } from '../support/control-ports.ts'

let home: string
beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'portcullis-people-locks-'))))
afterEach(() => {
  rmSync(home, { recursive: true, force: true })
})

const found = (client: string): AnomalyRecord => ({
  ...{ kind: 'anomaly', time: 0, id: 'r', detector: 'honey-subject', answer: 'lock', route: 'record.read', client },
  sentence: 'this address read a honey subject',
})

/** One subscriber's /64 in three spellings of who calls, a neighbour of theirs, and two callers by IPv4. */
const CALLERS = [
  '2001:db8:1:2::1',
  '2001:db8:1:2::2',
  '2001:db8:1:2:ffff::1',
  '2001:db8:1:3::1',
  '192.0.2.7',
  '192.0.2.8',
]
const NETWORKS = ['2001:db8:1:2::/64', '2001:db8:1:3::/64', '192.0.2.7/32', '192.0.2.8/32']

test('the gateway locks an IPv6 caller by the /64 that is counted, once, whatever address of it comes', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const keyFile = join(home, 'own.key')
  writeFileSync(keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const me = { name: 'gate', role: 'responder', key: publicKey.export({ format: 'jwk' }).x }
  const scopes: LockScope[] = []
  const submit = async (jws: string) => {
    const payload = Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()
    scopes.push((JSON.parse(payload) as { order: { scope: LockScope } }).order.scope)
    return { outcome: 'accepted' }
  }
  const parts = {
    ...{ clock: createFakeClock(), randomness: createFakeRandomness(), logger: createFakeLogger() },
    ...{ desk: { submit }, running: { config: { control: { responders: [me] }, store: {} } } },
  } as unknown as Parts
  const hear = lockerOf(parts, { keyFile, ttlMs: 600_000 })
  for (const client of CALLERS) hear(found(client))
  expect(scopes.flatMap(({ cidrs }) => cidrs)).toEqual(NETWORKS)
})

test('and suggests one lock for it, so that one caller cannot fill what is suggested', () => {
  const proposed = new Map<string, LockScope>()
  const hear = proposerOf({ propose: ({ id, scope }) => proposed.size < proposed.set(id, scope).size })
  for (const client of CALLERS) hear(found(client))
  expect([...proposed.values()].flatMap(({ cidrs }) => cidrs)).toEqual(NETWORKS)
})
