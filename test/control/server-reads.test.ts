import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { verify } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, get as httpGet, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import request from 'supertest'
import { parseStatus } from '../../src/cli/views.ts'
import { people } from '../support/control-desk.ts'
import { AUTHORIZED, createServerRig, type ServerRig } from '../support/control-server.ts'
import { START } from '../support/control-ports.ts'
import {
  idOf,
  LOCK_ALL,
  LOGIN_TYP,
  ORDER_TYP,
  signCompact,
  signOrder,
  type Person,
} from '../support/control-signing.ts'

const { desk, lead, viewer } = people
const read = ({ app }: ServerRig, path: string) => request(app).get(path).set(AUTHORIZED)
const sign = (order: unknown, who = desk) => signOrder(who, order, START)

describe('status', () => {
  test('tells epoch, locks, pending releases and the fleet, in the shape that the command line reads', async () => {
    const server = await createServerRig({ problems: () => ['locks.yaml: it is empty'] })
    const { rig } = server
    expect((await read(server, '/api/v1/status')).body).toMatchObject({
      epoch: 0,
      frozen: false,
      locks: [],
      pendingReleases: [],
    })
    const lock = await rig.lockAll()
    rig.clock.advance(1000)
    await rig.accept(desk, { ...LOCK_ALL, scope: { tags: ['pii'] }, mode: 'read-only', ttl: '1h', onExpiry: 'open' })
    const release = await rig.order(lead, { kind: 'release', locks: [lock], reason: 'fixed' })
    const { body } = await read(server, '/api/v1/status')
    expect(parseStatus(body)).toBe(body)
    expect(body).toEqual({
      epoch: 2,
      frozen: true,
      now: '2026-01-02T03:04:06.000Z',
      locks: [
        expect.objectContaining({
          id: lock,
          scope: { all: true },
          mode: 'deny',
          source: 'order',
          since: '2026-01-02T03:04:05.000Z',
          by: 'night-desk',
          epoch: 1,
        }),
        expect.objectContaining({
          mode: 'read-only',
          until: '2026-01-02T04:04:06.000Z',
          covers: ['record.read', 'record.write'],
        }),
      ],
      pendingReleases: [
        {
          id: 'id' in release ? release.id : '',
          locks: [lock],
          reason: 'fixed',
          since: '2026-01-02T03:04:06.000Z',
          kind: 'release',
          approvals: ['lead'],
          required: 2,
        },
      ],
      fleet: {
        gateways: [{ name: 'gw-1', epoch: 2, leaseRemainingMs: 1500, workers: rig.dataPlane.workers, proven: true }],
        proven: 1,
        total: 1,
      },
      audit: { healthy: true, size: 7, checkpointAgeSeconds: 0.5, vkey: 'gw-1+00000000+AAAA' },
      incidents: [
        {
          id: 'INC-7',
          state: 'open',
          locks: expect.arrayContaining([lock]) as unknown,
          noticedAt: '2026-01-02T03:04:05.000Z',
          noticedFrom: 'order',
          certInDue: '2026-01-02T09:04:05.000Z',
          boardDue: '2026-01-05T03:04:05.000Z',
          reported: {},
        },
      ],
      problems: ['locks.yaml: it is empty'],
    })
  })

  test('leaves out a lock that has opened by itself, and a worker behind its epoch is not proven', async () => {
    const server = await createServerRig()
    await server.rig.accept(desk, { ...LOCK_ALL, ttl: '1h', onExpiry: 'open' })
    server.rig.dataPlane.silent.add('worker-2')
    server.rig.clock.advance(3_600_000)
    const { body } = await read(server, '/api/v1/status')
    expect(body).toMatchObject({
      frozen: false,
      locks: [],
      fleet: { proven: 0, total: 1, gateways: [{ proven: false }] },
    })
  })

  test('says what holds and is not durable', async () => {
    const server = await createServerRig()
    server.rig.journal.mode = 'hang'
    await server.rig.lockAll()
    expect((await read(server, '/api/v1/status')).body.problems).toEqual([expect.stringMatching(/not durable yet: 1/)])
  })
})

test('locks are listed, and told one by one', async () => {
  const server = await createServerRig()
  const id = await server.rig.lockAll()
  const list = await read(server, '/api/v1/locks')
  expect(list.body).toEqual({
    epoch: 1,
    locks: [expect.objectContaining({ id, reason: 'leak suspected', incident: 'INC-7' })],
  })
  expect((await read(server, `/api/v1/locks/${id}`)).body).toEqual(list.body.locks[0])
  for (const other of ['x', '__proto__', encodeURIComponent('../../etc/passwd')])
    expect((await read(server, `/api/v1/locks/${other}`)).status).toBe(404)
})

describe('a certificate', () => {
  test("is signed over the canonical JSON of its other fields by the gateway's key", async () => {
    const server = await createServerRig()
    await (
      await server.rig.accept(desk, { ...LOCK_ALL, scope: { routes: ['facilities'] } })
    ).proof
    const { body } = await read(server, '/api/v1/certificates/1')
    expect(body).toMatchObject({ epoch: 1, gateway: 'gw-1', time: '2026-01-02T03:04:05.000Z' })
    expect(body.proofs).toEqual(
      ['worker-1', 'worker-2'].map((worker) => ({
        worker,
        epoch: 1,
        route: 'facilities',
        status: 503,
        refused: true,
        at: START,
        stands: 1,
      })),
    )
    // The order itself, whose id each worker has signed.
    const [ordered] = body.orders as string[]
    const [locked] = (await read(server, '/api/v1/locks')).body.locks as { id: string }[]
    expect([body.orders.length, idOf(ordered ?? '')]).toEqual([1, locked?.id])
    // RFC 8785 by hand, so that another implementation would sign the same bytes.
    const proof = (worker: string) =>
      `{"at":${START},"epoch":1,"refused":true,"route":"facilities","stands":1,"status":503,"worker":"${worker}"}`
    const { key } = body
    const NOTHING = '{"bytesAfter":0,"cut":0,"finished":0,"inFlight":0,"maybeExecuted":0}'
    const texts = `"${body.workers.join('","')}"`
    const bytes = `{"epoch":1,"gateway":"gw-1","key":"${key}","orders":["${body.orders.join('","')}"],"proofs":[${proof('worker-1')},${proof('worker-2')}],"residual":${NOTHING},"time":"2026-01-02T03:04:05.000Z","workers":[${texts}]}`
    expect(verify(null, Buffer.from(bytes), server.publicKey, Buffer.from(body.signature, 'base64url'))).toBe(true)
  })

  test('holds once a release of its lock is proposed and something is said about its incident', async () => {
    const server = await createServerRig()
    const lock = await server.rig.lockAll()
    const before = await read(server, '/api/v1/certificates/1')
    await server.rig.accept(desk, { kind: 'incident', incident: 'INC-7', action: 'open', reason: 'leak' })
    await server.rig.order(lead, { kind: 'release', locks: [lock], reason: 'fixed' })
    const { body } = await read(server, '/api/v1/certificates/1')
    expect((body.orders as string[]).map(idOf)).toEqual([lock])
    expect(body).toEqual(before.body)
  })

  test.each(['0', '2', '-1', '1e3', '01x', '9'.repeat(30)])('of epoch %s is 404', async (epoch) => {
    const server = await createServerRig()
    await (
      await server.rig.accept(desk, LOCK_ALL)
    ).proof
    expect((await read(server, `/api/v1/certificates/${epoch}`)).status).toBe(404)
  })
})

describe('a login', () => {
  const createLogin = async () => {
    const server = await createServerRig()
    const { nonce } = (await request(server.app).get('/api/v1/login/nonce')).body as { nonce: string }
    const claims = { iss: 'wall', aud: 'http://localhost:9080', nonce, iat: START / 1000, jti: 'x' }
    const login = (more: object = {}, who: Person = viewer, typ = LOGIN_TYP) =>
      request(server.app)
        .post('/api/v1/login')
        .set('host', 'localhost:9080')
        .send({
          login: signCompact(
            { alg: 'EdDSA', typ, kid: who.name },
            { ...claims, iss: who.name, ...more },
            who.privateKey,
          ),
        })
    const status = async (token: string) =>
      (
        await request(server.app)
          .get('/api/v1/status')
          .set({ authorization: `Bearer ${token}` })
      ).status
    return { server, login, status }
  }

  test('opens a session for a quarter of an hour', async () => {
    const { server, login, status } = await createLogin()
    const { body } = await login()
    expect(body).toEqual({
      token: expect.stringMatching(/^[0-9a-f]{64}$/),
      expiresInSeconds: 900,
      name: 'wall',
      role: 'viewer',
    })
    expect(await status(body.token)).toBe(200)
    server.rig.clock.advance(900_000)
    expect(await status(body.token)).toBe(401)
  })

  test('ends with the responder', async () => {
    const { server, login, status } = await createLogin()
    const { token } = (await login()).body as { token: string }
    server.settings.responders = server.settings.responders.map((each) => ({ ...each, retiredAt: START }))
    expect(await status(token)).toBe(401)
    server.settings.responders = []
    expect(await status(token)).toBe(401)
  })

  test.each([
    ['of another site', { aud: 'http://evil.example' }],
    ['of another port', { aud: 'http://localhost:9081' }],
    ['without aud', { aud: undefined }],
    ['with a nonce of its own', { nonce: '1.2.3' }],
    ['without a nonce', { nonce: undefined }],
    ['that is too old', { iat: START / 1000 - 61 }],
    ['that is too new', { iat: START / 1000 + 61 }],
    ['without iat', { iat: undefined }],
    ['that has expired', { exp: START / 1000 - 1 }],
    ['in the name of another', { iss: 'lead' }],
  ])('%s is 401, and its nonce can still be used', async (_, more) => {
    const { login } = await createLogin()
    expect((await login(more)).status).toBe(401)
    expect((await login()).status).toBe(200)
  })

  test('is taken once', async () => {
    const { login } = await createLogin()
    expect((await login()).status).toBe(200)
    const again = await login()
    expect([again.status, again.body.detail]).toEqual([401, 'nonce is unknown, used or too old: ask for a new one'])
  })

  test('is too late after two minutes', async () => {
    const { server, login } = await createLogin()
    server.rig.clock.advance(120_000)
    expect((await login({ iat: START / 1000 + 120 })).status).toBe(401)
  })

  test('by a responder who was retired is 401', async () => {
    const { server, login } = await createLogin()
    server.settings.responders = server.settings.responders.map((each) => ({ ...each, retiredAt: START }))
    expect((await login()).status).toBe(401)
  })

  test('is never an order, nor an order a login', async () => {
    const { server, login } = await createLogin()
    expect((await login({ order: LOCK_ALL }, desk, ORDER_TYP)).status).toBe(400)
    const jws = signCompact(
      { alg: 'EdDSA', typ: LOGIN_TYP, kid: desk.name },
      { iss: desk.name, iat: START / 1000, jti: 'x', order: LOCK_ALL },
      desk.privateKey,
    )
    expect((await request(server.app).post('/api/v1/orders').send({ order: jws })).status).toBe(400)
    expect(server.rig.desk.ledger.epoch).toBe(0)
  })

  test.each([
    ['garbage', { login: 'garbage' }, 400],
    ['no text', { login: 1 }, 400],
    ['another field', { jws: 'x' }, 400],
  ])('of %s is %3$i', async (_, body, status) => {
    const { server } = await createLogin()
    expect((await request(server.app).post('/api/v1/login').send(body)).status).toBe(status)
  })

  test('a session is for reading: it gives no orders', async () => {
    const { server, login } = await createLogin()
    const { token } = (await login()).body as { token: string }
    const answer = await request(server.app)
      .post('/api/v1/orders')
      .set({ authorization: `Bearer ${token}` })
      .send({ order: sign(LOCK_ALL, viewer) })
    expect(answer.status).toBe(403)
  })
})

describe('pseudonyms', () => {
  const ask = ({ app }: ServerRig, body: object) => request(app).post('/api/v1/pseudonyms').set(AUTHORIZED).send(body)

  test('come in the order of the values, and leave a count in the trail', async () => {
    const server = await createServerRig()
    const answer = await ask(server, { kind: 'subject', values: ['9876543210', 'ramesh', '9876543210'] })
    expect(answer.status).toBe(200)
    const [first, second, third] = answer.body.pseudonyms as string[]
    expect(first).toBe(third)
    expect(first).not.toBe(second)
    expect(server.rig.trail.records).toEqual([
      { time: START, kind: 'session', action: 'pseudonyms', by: 'read-token', count: 3 },
    ])
    expect(answer.text + JSON.stringify(server.rig.logger.lines)).not.toMatch(/9876543210|ramesh/)
  })

  test.each([
    ['another kind', { kind: 'path', values: ['9876543210'] }],
    ['no values', { kind: 'subject' }],
    ['an empty list', { kind: 'subject', values: [] }],
    ['a number', { kind: 'subject', values: [9876543210] }],
    ['an empty text', { kind: 'subject', values: ['9876543210', ''] }],
    ['too many', { kind: 'subject', values: Array.from({ length: 1001 }, () => '9876543210') }],
    ['a text that is too long', { kind: 'subject', values: ['9876543210'.repeat(101)] }],
  ])('of %s are 400, and nothing of it is said again', async (_, body) => {
    const answer = await ask(await createServerRig(), body)
    expect(answer.status).toBe(400)
    expect(answer.text).not.toMatch(/9876543210/)
  })

  test.each(['full', 'fail'] as const)('are not made while the trail is in the state %s', async (mode) => {
    const server = await createServerRig()
    server.rig.trail.mode = mode
    const answer = await ask(server, { kind: 'subject', values: ['ramesh'] })
    expect([answer.status, answer.body.type]).toEqual([503, 'urn:portcullis:problem:audit-unavailable'])
  })

  test('take a credential', async () => {
    const { app } = await createServerRig()
    expect(
      (
        await request(app)
          .post('/api/v1/pseudonyms')
          .send({ kind: 'subject', values: ['x'] })
      ).status,
    ).toBe(401)
  })

  test('are not for a viewer', async () => {
    const server = await createServerRig()
    const { nonce } = (await request(server.app).get('/api/v1/login/nonce')).body as { nonce: string }
    const tokenOf = async (who: Person) => {
      const claims = { iss: who.name, aud: 'http://localhost:9080', nonce, iat: START / 1000 }
      const login = signCompact({ alg: 'EdDSA', typ: LOGIN_TYP, kid: who.name }, claims, who.privateKey)
      return (await request(server.app).post('/api/v1/login').set('host', 'localhost:9080').send({ login })).body
        .token as string
    }
    const token = await tokenOf(viewer)
    const answer = await request(server.app)
      .post('/api/v1/pseudonyms')
      .set({ authorization: `Bearer ${token}` })
      .send({ kind: 'subject', values: ['x'] })
    expect(answer.status).toBe(403)
  })
})

describe('the trail', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'audit-'))
    mkdirSync(join(dir, 'audit/tile/0/x001'), { recursive: true })
    mkdirSync(join(dir, 'audit/tile/entries'), { recursive: true })
    mkdirSync(join(dir, 'audit/tile/0/001.p'))
    writeFileSync(join(dir, 'audit/checkpoint'), 'gw-1\n1\nAAAA\n')
    writeFileSync(join(dir, 'audit/tile/0/000'), Buffer.alloc(32, 1))
    writeFileSync(join(dir, 'audit/tile/0/x001/067'), Buffer.alloc(32, 2))
    writeFileSync(join(dir, 'audit/tile/0/001.p/7'), Buffer.alloc(32, 3))
    writeFileSync(join(dir, 'audit/tile/entries/000'), 'entries')
    writeFileSync(join(dir, 'secret'), 'secret')
    writeFileSync(join(dir, 'audit/wal'), 'secret')
    symlinkSync('../../../secret', join(dir, 'audit/tile/0/002'))
  })
  afterEach(() => {
    rmSync(dir, { recursive: true })
  })

  test('is served as C2SP tlog-tiles', async () => {
    const server = await createServerRig({ auditDir: join(dir, 'audit') })
    const checkpoint = await read(server, '/api/v1/audit/checkpoint')
    expect([checkpoint.text, checkpoint.headers['content-type']]).toEqual([
      'gw-1\n1\nAAAA\n',
      'text/plain; charset=utf-8',
    ])
    for (const [path, byte] of [
      ['0/000', 1],
      ['0/x001/067', 2],
      ['0/001.p/7', 3],
    ] as const) {
      const tile = await read(server, `/api/v1/audit/tile/${path}`)
      expect([tile.headers['content-type'], tile.body]).toEqual(['application/octet-stream', Buffer.alloc(32, byte)])
    }
    expect((await read(server, '/api/v1/audit/tile/entries/000')).body.toString()).toBe('entries')
  })

  test('a record is said to be missing only where the log was last known to be whole after it', async () => {
    const receipt = `gw-1;t=${START - 60_000};h=:${Buffer.alloc(32, 7).toString('base64')}:`
    const audit = { healthy: false, size: 1, vkey: 'gw-1+00000000+AAAA' }
    const detailAt = async (checkpointAgeSeconds: number | null): Promise<unknown> => {
      const server = await createServerRig({ audit: () => ({ ...audit, checkpointAgeSeconds }) })
      const { body } = await read(server, `/api/v1/audit/proof?receipt=${encodeURIComponent(receipt)}`)
      return (body as { detail: unknown }).detail
    }
    expect(await detailAt(1)).toContain('THE LOG DOES NOT HAVE THIS RECORD')
    // A full disk: nothing has been sealed for ten minutes.
    expect(await detailAt(600)).toContain('no checkpoint covers this record yet')
    expect(await detailAt(null)).toContain('no checkpoint covers this record yet')
  })

  test('a partial tile of an earlier checkpoint is the beginning of what it has grown to, and no link is followed for it', async () => {
    const root = Buffer.alloc(32).toString('base64')
    writeFileSync(join(dir, 'audit/checkpoint'), `gw-1\n${3 * 256}\n${root}\n\n— gw-1 ${root}\n`)
    writeFileSync(join(dir, 'audit/tile/0/000'), Buffer.alloc(256 * 32, 1))
    const server = await createServerRig({ auditDir: join(dir, 'audit') })
    const grown = await read(server, '/api/v1/audit/tile/0/000.p/5')
    expect([grown.status, grown.body]).toEqual([200, Buffer.alloc(5 * 32, 1)])
    const linked = await read(server, '/api/v1/audit/tile/0/002.p/5')
    expect([linked.status, linked.text]).toEqual([404, expect.not.stringContaining('secret')])
  })

  test.each([
    '0/002',
    '0/003',
    '0/../../wal',
    '..%2f..%2fsecret',
    '%2e%2e/%2e%2e/secret',
    '0/000/',
    '0//000',
    '0/000%00',
    '64/000',
    '00/000',
    '0/000.p/0',
    '0/000.p/256',
    '0/000.p/07',
    '0/x000/001',
    'entries',
    'Entries/000',
    '0/..%5c000',
  ])('and nothing but tiles: %s is 404', async (path) => {
    const server = await createServerRig({ auditDir: join(dir, 'audit') })
    const answer = await read(server, `/api/v1/audit/tile/${path}`)
    expect(answer.status).toBe(404)
    expect(answer.text).not.toMatch(/secret/)
  })
})

describe('events', () => {
  const listen = async (server: ServerRig) => {
    const http = createServer(server.app).listen(0, '127.0.0.1')
    await new Promise((resolve) => http.once('listening', resolve))
    const { port } = http.address() as AddressInfo
    const response = await new Promise<IncomingMessage>((resolve) =>
      httpGet({ port, path: '/api/v1/events', headers: AUTHORIZED }, resolve),
    )
    return { http, response }
  }

  test('tell what stands at first, then locks, proofs and releases as they come', async () => {
    const server = await createServerRig()
    const { http, response } = await listen(server)
    expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'text/event-stream'])
    const id = await server.rig.lockAll()
    let text = ''
    for await (const chunk of response) {
      text += String(chunk)
      if (text.includes('event: proof')) break
    }
    http.closeAllConnections()
    http.close()
    const events = text.trim().split('\n\n')
    expect(events.map((event) => event.split('\n')[0])).toEqual(['event: status', 'event: lock', 'event: proof'])
    expect(JSON.parse(events[1]?.split('data: ')[1] ?? '')).toMatchObject({
      id,
      epoch: 1,
      locks: [{ id, covers: ['record.read', 'record.write', 'facilities'] }],
    })
    expect(JSON.parse(events[2]?.split('data: ')[1] ?? '')).toMatchObject({
      id,
      epoch: 1,
      proven: ['worker-1', 'worker-2'],
      missing: [],
    })
  })
})
