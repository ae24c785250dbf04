import { describe, expect, test } from '@jest/globals'
import { createRig, people } from '../support/control-desk.ts'
import {
  createPerson,
  encode,
  LOCK_ALL,
  LOGIN_TYP,
  ORDER_TYP,
  signCompact,
  signOrder,
} from '../support/control-signing.ts'
import { START } from '../support/control-ports.ts'

const { desk, lead, viewer } = people
const sign = (order: unknown, options = {}, who = desk) => signOrder(who, order, START, options)
const now = START / 1000

/** Issue 2, "Bad input": each is refused, changes nothing, and leaves a trail record. */
const BAD: readonly [string, string, string, RegExp][] = [
  ['garbage', 'garbage', 'bad', /three parts/],
  ['an empty text', '', 'bad', /three parts/],
  [
    'a wrong key',
    sign(LOCK_ALL, {}, createPerson('night-desk', 'responder')),
    'unknown-signer',
    /no enrolled responder/,
  ],
  [
    'an unknown kid',
    sign(LOCK_ALL, {}, createPerson('nobody', 'commander')),
    'unknown-signer',
    /no enrolled responder/,
  ],
  ['a wrong role', sign(LOCK_ALL, {}, viewer), 'role', /is a viewer; lock needs a responder/],
  ['an iat ten minutes old', sign(LOCK_ALL, { iat: now - 600 }), 'bad', /iat is more than 60 s/],
  ['an iat two minutes ahead', sign(LOCK_ALL, { iat: now + 120 }), 'bad', /iat is more than 60 s/],
  ['an exp that has passed', sign(LOCK_ALL, { exp: now - 1 }), 'bad', /exp has passed/],
  ['an empty scope', sign({ ...LOCK_ALL, scope: {} }), 'bad', /scope is empty/],
  ['an empty list in the scope', sign({ ...LOCK_ALL, scope: { routes: [] } }), 'bad', /list of at least one/],
  [
    'all beside another key',
    sign({ ...LOCK_ALL, scope: { all: true, tags: ['pii'] } }),
    'bad',
    /all beside another key/,
  ],
  ['an unknown route', sign({ ...LOCK_ALL, scope: { routes: ['recrod.read'] } }), 'bad', /did you mean "record.read"/],
  ['no reason', sign({ kind: 'lock', scope: { all: true }, incident: 'INC-7' }), 'bad', /reason is required/],
  ['no incident', sign({ kind: 'lock', scope: { all: true }, reason: 'x' }), 'bad', /incident is required/],
  ['an unknown kind', sign({ kind: 'lok' }), 'bad', /did you mean "lock"/],
  ['no jti', sign(LOCK_ALL, { jti: undefined }), 'bad', /jti is required/],
  ['the name of another', sign(LOCK_ALL, { iss: 'lead' }), 'bad', /iss must be the name of the responder who signs/],
  ['an identifier in clear', sign({ ...LOCK_ALL, scope: { principals: ['9876543210'] } }), 'bad', /pseudonym/],
  ['a network that is none', sign({ ...LOCK_ALL, scope: { cidrs: ['300.1.1.1/8'] } }), 'bad', /cidrs/],
  ['a lock that is not there', sign({ kind: 'release', locks: ['x'], reason: 'x' }), 'bad', /there is no lock x/],
  ['a release that is not there', sign({ kind: 'approve', release: 'x' }, {}, lead), 'bad', /there is no proposal/],
  [
    'a login',
    signCompact(
      { alg: 'EdDSA', typ: LOGIN_TYP, kid: desk.name },
      { iss: desk.name, iat: now, jti: 'x', order: LOCK_ALL },
      desk.privateKey,
    ),
    'bad',
    /typ must be/,
  ],
  [
    'a payload that is a list',
    signCompact({ alg: 'EdDSA', typ: ORDER_TYP, kid: desk.name }, [], desk.privateKey),
    'bad',
    /must be a JSON object/,
  ],
  [
    'an unsigned order',
    `${encode({ alg: 'none', typ: ORDER_TYP, kid: desk.name })}.${encode({ iss: desk.name })}.`,
    'bad',
    /./,
  ],
]

test.each(BAD)('%s is refused, changes nothing and leaves a record', async (_, jws, refused, problem) => {
  const rig = await createRig()
  const before = rig.desk.ledger
  const answer = await rig.desk.submit(jws, 'api')
  expect(answer).toMatchObject({ outcome: 'refused', refused })
  expect('problems' in answer ? answer.problems.join() : '').toMatch(problem)
  expect(rig.desk.ledger).toBe(before)
  expect(rig.log).toHaveLength(1)
  expect(rig.trail.records).toMatchObject([{ kind: 'order', outcome: 'refused', channel: 'api', epoch: 0 }])
  expect(rig.trail.records[0]).not.toHaveProperty('jws')
})

test("times that are off are answered with the gateway's clock", async () => {
  const rig = await createRig()
  expect(await rig.desk.submit(sign(LOCK_ALL, { iat: now - 600 }), 'api')).toMatchObject({ now })
})

describe("a refused order's record", () => {
  test('holds none of its words: no name, no number, nothing that could draw on a terminal', async () => {
    const rig = await createRig()
    await rig.desk.submit(sign({ ...LOCK_ALL, scope: { '9876543210': ['x'], 'a\u001b[31mb': ['x'] } }), 'api')
    await rig.desk.submit(sign({ ...LOCK_ALL, scope: { routes: ['ramesh'] } }), 'api')
    const text = JSON.stringify(rig.trail.records)
    expect(text).not.toMatch(/ramesh|9876543210|\\u001b/)
    expect(text).toMatch(/is not a dimension.*there is no/)
  })

  test('names who signed, once the signature holds', async () => {
    const rig = await createRig()
    await rig.desk.submit(sign(LOCK_ALL, {}, viewer), 'api')
    await rig.desk.submit('garbage', 'api')
    expect(rig.trail.records.map((record) => ('by' in record ? record.by : undefined))).toEqual(['wall', undefined])
  })
})

test('past a hundred a second refusals are counted into one record', async () => {
  const rig = await createRig()
  for (let count = 0; count < 150; count++) await rig.desk.submit('garbage', 'api')
  expect(rig.trail.records).toHaveLength(100)
  rig.clock.advance(1000)
  await rig.desk.submit('garbage', 'api')
  expect(rig.trail.records).toHaveLength(102)
  expect(rig.trail.records[100]).toMatchObject({
    outcome: 'refused',
    problems: ['50 more refused orders, counted alone'],
  })
  for (let count = 0; count < 120; count++) await rig.desk.submit('garbage', 'api')
  rig.desk.close()
  expect(rig.trail.records.at(-1)).toMatchObject({ problems: ['21 more refused orders, counted alone'] })
})

test('a responder who was retired gives no more orders', async () => {
  const rig = await createRig()
  rig.settings.responders = rig.settings.responders.map((each) => ({ ...each, retiredAt: START }))
  expect(await rig.order(desk, LOCK_ALL)).toMatchObject({ refused: 'role' })
})

test('the largest orders leave records that an audit entry of 32 KiB has room for', async () => {
  const rig = await createRig()
  const words = { reason: 'ग'.repeat(1000), incident: '"'.repeat(1000) }
  const scope = { userAgents: Array.from({ length: 900 }, (_, index) => `agent-${index}`.padEnd(40, 'x')) }
  expect(await rig.order(desk, { ...LOCK_ALL, ...words, scope })).toMatchObject({ outcome: 'accepted' })
  const locks = await Promise.all(Array.from({ length: 300 }, () => rig.lockAll()))
  expect(await rig.order(lead, { kind: 'release', locks, reason: words.reason })).toMatchObject({ outcome: 'pending' })
  const orders = rig.trail.records.filter((record) => record.kind === 'order')
  expect(orders).toHaveLength(302)
  for (const record of orders) expect(Buffer.byteLength(JSON.stringify(record))).toBeLessThan(32_000)
})
