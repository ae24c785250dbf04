// POST /api/v1/explain: which lock decides for a described request; told to responders, and to nobody else.
import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { people } from '../support/control-desk.ts'
import { createServerRig, AUTHORIZED, type ServerRig } from '../support/control-server.ts'
import { login } from '../support/control-login.ts'
import { LOCK_ALL, type Person } from '../support/control-signing.ts'

async function ask(server: ServerRig, question: object, who: Person = people.desk) {
  return request(server.app)
    .post('/api/v1/explain')
    .set('host', 'localhost:9080')
    .set(await login(server, who))
    .send(question)
}

const PERSON = 'k1.aaaaaaaaaaaaaaaaaaaaaa'

describe('who may ask', () => {
  test('responders and auditors; no viewer, no machine, nobody else', async () => {
    const server = await createServerRig()
    const question = { route: 'record.read' }
    for (const who of [people.desk, people.lead, people.auditor])
      expect((await ask(server, question, who)).status).toBe(200)
    expect((await ask(server, question, people.viewer)).status).toBe(403)
    const { app } = server
    expect((await request(app).post('/api/v1/explain').set(AUTHORIZED).send(question)).status).toBe(403)
    expect((await request(app).post('/api/v1/explain').send(question)).status).toBe(401)
  })
})

describe('what is told', () => {
  test('the lock that decides, with order, epoch, responder, reason and incident, and the others that reach it', async () => {
    const server = await createServerRig()
    const { rig } = server
    const mild = await rig.accept(people.desk, { ...LOCK_ALL, scope: { tags: ['pii'] }, mode: 'step-up' })
    rig.clock.advance(1)
    const strict = await rig.accept(people.lead, {
      ...LOCK_ALL,
      scope: { cidrs: ['203.0.113.0/24'] },
      reason: 'that network',
    })
    await rig.accept(people.desk, { ...LOCK_ALL, scope: { routes: ['facilities'] } })
    const { body } = await ask(server, { path: '/record.read', method: 'get', address: '203.0.113.9' })
    expect(body).toMatchObject({
      epoch: 3,
      route: 'record.read',
      method: 'GET',
      verdict: 'refused',
      locks: [
        { id: mild.id, effect: 'asks for a fresh OTP', decides: false, by: 'night-desk', epoch: 1 },
        {
          id: strict.id,
          effect: 'refuses',
          decides: true,
          by: 'lead',
          epoch: 2,
          reason: 'that network',
          incident: 'INC-7',
        },
      ],
    })
    expect((await ask(server, { route: 'record.read', address: '198.51.100.9' })).body).toMatchObject({
      verdict: 'needs a fresh OTP',
      locks: [{ id: mild.id, decides: true }],
    })
  })

  test('a lock that lets this method, or an exempted caller, pass is told as the reason why it passes', async () => {
    const server = await createServerRig()
    const { rig } = server
    const lock = await rig.accept(people.desk, { ...LOCK_ALL, mode: 'read-only' })
    expect((await ask(server, { route: 'record.read' })).body).toMatchObject({
      verdict: 'passes the locks',
      locks: [{ id: lock.id, mode: 'read-only', effect: 'passes', decides: false }],
    })
    const exempt = { kind: 'exempt', locks: [lock.id], scope: { clients: ['clinic'] }, ttl: '1h', reason: 'r' }
    const proposed = await rig.order(people.lead, exempt)
    await rig.accept(people.chief, { kind: 'approve', release: proposed.outcome === 'pending' ? proposed.id : '' })
    const write = { route: 'record.write', method: 'POST' }
    expect((await ask(server, write)).body).toMatchObject({ verdict: 'refused' })
    expect((await ask(server, { ...write, clients: ['clinic'] })).body).toMatchObject({
      verdict: 'passes the locks',
      locks: [{ id: lock.id, effect: 'passes', exemptions: [{ scope: { clients: ['clinic'] } }] }],
    })
  })

  test('revocations that end the described session', async () => {
    const server = await createServerRig()
    const revoke = { kind: 'revoke', subject: PERSON, reason: 'phone stolen', incident: 'INC-8' }
    const { id } = await server.rig.accept(people.desk, revoke)
    const question = { route: 'record.read', principal: PERSON, openedAt: '2026-01-02T03:00:00Z' }
    expect((await ask(server, question)).body).toMatchObject({
      verdict: 'passes the locks',
      revocations: [{ id, by: 'night-desk', reason: 'phone stolen', incident: 'INC-8' }],
    })
    expect((await ask(server, { ...question, openedAt: '2026-01-02T03:30:00Z' })).body).toMatchObject({
      revocations: [],
    })
  })
})

describe('a question that cannot be answered', () => {
  test.each([
    ['about nothing', {}, 'one of the two'],
    ['about a route and a path', { route: 'record.read', path: '/x' }, 'one of the two'],
    ['about an unknown route', { route: 'recrod.read' }, 'did you mean "record.read"?'],
    ['about a path that nobody serves', { path: '/nowhere' }, 'no route matches this path'],
    ['about a method that the path does not take', { path: '/record.read', method: 'DELETE' }, 'takes GET'],
    ['with a mistyped key', { route: 'record.read', metod: 'GET' }, 'did you mean "method"?'],
    ['with an address that is none', { route: 'record.read', address: '203.0.113' }, 'must be an IP address'],
    ['with a time that is none', { route: 'record.read', openedAt: 'now' }, 'RFC 3339'],
    ['with clients in a text', { route: 'record.read', clients: 'clinic' }, 'must be a list of client ids'],
  ])('%s is refused', async (_name, question, problem) => {
    const { status, text } = await ask(await createServerRig(), question)
    expect([status, text]).toEqual([400, expect.stringContaining(JSON.stringify(problem).slice(1, -1))])
  })

  test('an identifier in place of a pseudonym is refused, and not repeated', async () => {
    const server = await createServerRig()
    for (const fields of [
      { principal: '9999 8888 7777' },
      { session: '9999 8888 7777' },
      { subjects: ['9999 8888 7777'] },
    ]) {
      const { status, text } = await ask(server, { route: 'record.read', ...fields })
      expect(status).toBe(400)
      expect(text).toContain('pseudonym')
      expect(text).not.toContain('9999')
    }
  })
})
