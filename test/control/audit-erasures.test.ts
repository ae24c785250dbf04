// What may be erased, by whom, and what keeps it: a hold, a trail that takes no record, a question that is not right.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import request from 'supertest'
import { createDetailMemory, DetailSealer } from '../../src/audit/detail/detail-sealer.ts'
import { eraseKeys } from '../../src/audit/detail/key-slots.ts'
import { nodeFiles } from '../../src/audit/files.ts'
import { people } from '../support/control-desk.ts'
import { AUTHORIZED, createServerRig, type ServerRig } from '../support/control-server.ts'
import { login } from '../support/control-login.ts'
import type { Person } from '../support/control-signing.ts'
import { toldBy } from '../support/told.ts'

const PERSON = `k1.${'a'.repeat(22)}`
const DAY = '2026-03-04'
const REASON = 'asked for, ticket 812'

let dir: string
let holds: { incident: string; since?: number }[]
let forgotten: number
let server: ServerRig

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-erasures-'))
  holds = []
  forgotten = 0
  const sealer = new DetailSealer({
    ...{ dir, writer: 'w1', erasures: new Int32Array(createDetailMemory()) },
    onFailure: (problem) => {
      throw new Error(problem)
    },
  })
  sealer.seal([PERSON, 'k1.other'], Date.parse(DAY), 'text', 'id')
  await sealer.close()
  server = await createServerRig({
    details: { dir, holds: () => holds, forgetKeys: () => void (forgotten += 1) },
  })
})
afterEach(() => {
  rmSync(dir, { recursive: true })
})

async function erase(
  body: object,
  who: Person = people.lead,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await request(server.app)
    .post('/api/v1/audit/erasures')
    .set('host', 'localhost:9080')
    .set(await login(server, who))
    .send(body)
  return { status: answer.status, body: answer.body as Record<string, unknown> }
}

const left = (): Promise<number> => eraseKeys(nodeFiles, dir, { isRehearsal: true })

test('a commander erases one person of some days; a rehearsal only counts', async () => {
  expect(await erase({ subjects: [PERSON], reason: REASON, rehearse: true })).toEqual({
    status: 200,
    body: { keys: 1, erased: false },
  })
  expect([await left(), forgotten]).toEqual([2, 0])
  expect((await erase({ subjects: [PERSON], from: '2026-03-05', reason: REASON })).body).toMatchObject({ keys: 0 })
  expect((await erase({ subjects: [PERSON], to: DAY, reason: REASON })).body).toEqual({ keys: 1, erased: true })
  expect([await left(), forgotten]).toEqual([1, 2])
})

test('nobody else does, the read token least of all', async () => {
  expect((await erase({ to: DAY, reason: REASON }, people.desk)).status).toBe(403)
  const byToken = await request(server.app)
    .post('/api/v1/audit/erasures')
    .set(AUTHORIZED)
    .send({ to: DAY, reason: REASON })
  expect(byToken.status).toBe(403)
  expect(await left()).toBe(2)
})

test('what a hold keeps is kept, and which hold it is is said', async () => {
  holds = [{ incident: 'INC-7', since: Date.parse(DAY) }]
  const refused = await erase({ to: DAY, reason: REASON })
  expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining('INC-7')])
  expect((await erase({ subjects: [PERSON], reason: REASON })).status).toBe(409)
  expect((await erase({ to: '2026-03-03', reason: REASON })).status).toBe(200)
  expect(await left()).toBe(2)
})

test.each([
  [{ reason: REASON }, 'give subjects, or to'],
  [{ to: '2026-02-30', reason: REASON }, 'to must be a day'],
  [{ subjects: ['9876543210'], reason: REASON }, 'must be a list of 1 to 200 pseudonyms'],
  [{ to: DAY }, 'reason must say why'],
  [{ to: DAY, reason: 'asked for by 9876543210' }, 'holds what looks like a mobile number'],
  [{ to: DAY, reason: REASON, all: true }, 'nothing else'],
])('%j is refused, and not repeated', async (body, problem) => {
  const refused = await erase(body)
  expect([refused.status, refused.body.detail]).toEqual([400, expect.stringContaining(problem)])
  expect(JSON.stringify(refused.body)).not.toContain('9876543210')
  expect(await left()).toBe(2)
})

test('where the trail takes no record nothing is erased', async () => {
  const full = () => Promise.reject(new Error('full'))
  const rig = await createServerRig({
    details: { dir, holds: () => holds, forgetKeys: () => void (forgotten += 1) },
    trail: { append: () => undefined, durable: full, onDurable: toldBy(full), healthy: false },
  })
  server = rig
  expect((await erase({ to: DAY, reason: REASON })).status).toBe(503)
  expect([await left(), forgotten]).toEqual([2, 0])
})
