import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { people } from '../support/control-desk.ts'
import { createServerRig, type ServerRig } from '../support/control-server.ts'
import { START } from '../support/control-ports.ts'
import { createPerson, idOf, LOCK_ALL, LOGIN_TYP, signCompact, signOrder } from '../support/control-signing.ts'

const { desk, lead, chief, viewer } = people
const now = START / 1000
const send = ({ app }: ServerRig, order: unknown, path = '/api/v1/orders') => request(app).post(path).send({ order })
const sign = (order: unknown, options = {}, who = desk) => signOrder(who, order, START, options)

test('a lock is answered 201 with id, epoch, covers and durable, and needs no credential but its signature', async () => {
  const server = await createServerRig()
  const jws = sign(LOCK_ALL)
  const answer = await send(server, jws)
  expect(answer.status).toBe(201)
  expect(answer.body).toEqual({
    id: idOf(jws),
    epoch: 1,
    covers: ['record.read', 'record.write', 'facilities'],
    durable: true,
  })
})

test('a lock that the disk does not take in time is 201 with durable false', async () => {
  const server = await createServerRig()
  server.rig.journal.mode = 'hang'
  const answer = await send(server, sign(LOCK_ALL))
  expect([answer.status, answer.body.durable]).toEqual([201, false])
})

describe('?wait', () => {
  test('adds who has proven the epoch, and who has not', async () => {
    const server = await createServerRig()
    server.rig.dataPlane.silent.add('worker-2')
    const answer = await send(server, sign(LOCK_ALL), '/api/v1/orders?wait=2s')
    expect(answer.body.proof).toEqual({
      proven: ['worker-1'],
      missing: ['worker-2'],
      elapsedMs: 0,
      residual: { inFlight: 0, cut: 0, finished: 0, bytesAfter: 0, maybeExecuted: 0 },
    })
  })

  test('ends where the proof does not come', async () => {
    const server = await createServerRig()
    server.rig.dataPlane.prove = () => new Promise(() => undefined)
    const answer = await send(server, sign(LOCK_ALL), '/api/v1/orders?wait=50ms')
    expect(answer.status).toBe(201)
    expect(answer.body.proof).toEqual({ proven: [], missing: ['worker-1', 'worker-2'], elapsedMs: 50 })
  })

  test.each(['2', '-1s', '31s', 'x', '2s&wait=3s'])('of %s is 400, and changes nothing', async (wait) => {
    const server = await createServerRig()
    expect((await send(server, sign(LOCK_ALL), `/api/v1/orders?wait=${wait}`)).status).toBe(400)
    expect(server.rig.desk.ledger.epoch).toBe(0)
  })
})

test('a release is 202 until a second person approves, then 201', async () => {
  const server = await createServerRig()
  const lock = await send(server, sign(LOCK_ALL))
  const proposed = await send(server, sign({ kind: 'release', locks: [lock.body.id], reason: 'fixed' }, {}, lead))
  expect([proposed.status, proposed.body]).toEqual([202, { id: expect.any(String), approvals: 1, required: 2 }])
  const own = await send(server, sign({ kind: 'approve', release: proposed.body.id }, {}, lead))
  expect(own.status).toBe(409)
  const approved = await send(server, sign({ kind: 'approve', release: proposed.body.id }, {}, chief))
  expect([approved.status, approved.body.epoch, approved.body.durable]).toEqual([201, 2, true])
  expect(approved.body.covers).toHaveLength(3)
})

test('a release that the disk does not keep is 503, and nothing has changed', async () => {
  const server = await createServerRig()
  const lock = await server.rig.lockAll()
  server.rig.journal.mode = 'fail'
  const answer = await send(server, sign({ kind: 'release', locks: [lock], reason: 'fixed' }, {}, lead))
  expect(answer.status).toBe(503)
  expect(answer.headers).toMatchObject({ 'content-type': 'application/problem+json', 'retry-after': '1' })
  expect(answer.body).toMatchObject({ type: 'urn:portcullis:problem:order-not-durable', status: 503 })
})

const REFUSED: readonly [string, unknown, number, object][] = [
  ['garbage', 'garbage', 400, { problems: [expect.stringMatching(/three parts/)] }],
  ['an empty text', '', 400, {}],
  ['a JWS over 64 KiB', 'a'.repeat(65_537), 400, { problems: [expect.stringMatching(/65536/)] }],
  ['no text', { jws: 'x' }, 400, { type: 'urn:portcullis:problem:bad-request' }],
  ['nothing', undefined, 400, { type: 'urn:portcullis:problem:bad-request' }],
  ['an order without a reason', sign({ ...LOCK_ALL, reason: undefined }), 400, {}],
  ['a revocation without an incident', sign({ kind: 'revoke', before: '2026-01-02T03:04:05Z', reason: 'x' }), 400, {}],
  ['an empty scope', sign({ ...LOCK_ALL, scope: {} }), 400, {}],
  [
    'an unknown route',
    sign({ ...LOCK_ALL, scope: { routes: ['recrod.read'] } }),
    400,
    { problems: ['order.scope.routes: there is no "recrod.read", did you mean "record.read"?'] },
  ],
  ['an iat ten minutes old', sign(LOCK_ALL, { iat: now - 600 }), 400, { now }],
  [
    'a revocation far ahead',
    sign({ kind: 'revoke', before: '2026-01-02T03:06:05Z', reason: 'x', incident: 'x' }),
    400,
    { now },
  ],
  [
    'a login',
    signCompact({ alg: 'EdDSA', typ: LOGIN_TYP, kid: desk.name }, { iss: desk.name }, desk.privateKey),
    400,
    {},
  ],
  [
    'a wrong key',
    sign(LOCK_ALL, {}, createPerson('night-desk', 'responder')),
    401,
    { type: 'urn:portcullis:problem:order-unknown-signer' },
  ],
  ['an unknown kid', sign(LOCK_ALL, {}, createPerson('stranger', 'commander')), 401, {}],
  ['a role that may not', sign(LOCK_ALL, {}, viewer), 403, { type: 'urn:portcullis:problem:order-role' }],
]

test.each(REFUSED)('%s is refused as a problem, and changes nothing', async (_, order, status, members) => {
  const server = await createServerRig()
  const answer = await send(server, order)
  expect(answer.status).toBe(status)
  expect(answer.headers['content-type']).toBe('application/problem+json')
  expect(answer.body).toMatchObject({
    type: expect.stringMatching(/^urn:portcullis:problem:/),
    title: expect.any(String),
    status,
    detail: expect.any(String),
    instance: answer.headers['x-request-id'],
    ...members,
  })
  if (status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
  expect(server.rig.desk.ledger.epoch).toBe(0)
})

test('a second delivery is 409 with the first id and epoch', async () => {
  const server = await createServerRig()
  const jws = sign(LOCK_ALL)
  await send(server, jws)
  await server.rig.lockAll()
  const again = await send(server, jws)
  expect(again.status).toBe(409)
  expect(again.body).toMatchObject({
    type: 'urn:portcullis:problem:order-conflict',
    id: idOf(jws),
    epoch: 1,
    problems: ['this order was accepted before'],
  })
})
