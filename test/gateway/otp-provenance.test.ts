// Which number an OTP went to, and what one OTP buys: spent, the caller is asked for a fresh one and can get it by itself.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Settings } from '../../src/gateway/gateway.ts'
import { createSpending, type Budget } from '../../src/gateway/otp-spending.ts'
import { createBudgetMemory, createBudgetSlab } from '../../src/throttle/budget-slab.ts'
import { field, problemOf } from '../support/raw-client.ts'
import { startRawUpstream, type RawUpstream } from '../support/raw-upstream.ts'
import { request, startDataPlane, type DataPlane } from '../support/start-data-plane.ts'

let plane: DataPlane
let upstream: RawUpstream
let body = '{}'

const ISSUER = 'https://otp.example.in'
const OWN = 'https://gate.example.in'

beforeEach(async () => {
  upstream = await startRawUpstream(
    () =>
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  const session = { level: 'required', bind: [] } as const
  const owner = { owner: [], subjects: ['/people/*/id'], unknown: 'refuse', bytesMax: 10_000 } as const
  plane = await startDataPlane({
    upstream: upstream.port,
    routes: [
      { id: 'lookup', path: '/lookup/{mobile}', session: { ...session, number: [{ in: 'param', name: 'mobile' }] } },
      { id: 'record', path: '/record', session, response: { ...owner, number: ['/mobile'], subjects: [] } },
      { id: 'find', path: '/find/{id}', session, subjects: [{ in: 'param', name: 'id' }] },
      { id: 'people', path: '/people', session, response: { ...owner, number: [] } },
      {
        id: 'strong',
        path: '/strong/{id}',
        session: { ...session, otp: { amr: [], acr: ['loa3'] } },
        subjects: [{ in: 'param', name: 'id' }],
      },
      {
        id: 'strong.lookup',
        path: '/strong-lookup/{mobile}',
        session: { ...session, otp: { amr: [], acr: ['loa3'] }, number: [{ in: 'param', name: 'mobile' }] },
      },
      { id: 'other', path: '/other', session },
      { id: 'third', path: '/third', session },
    ],
  })
  const { pseudonyms } = plane.gateway
  const destinations: Settings['destinations'] = {
    claims: new Map([
      [ISSUER, { claim: 'phone_number', isPseudonym: false }],
      [OWN, { claim: 'otp_number', isPseudonym: true }],
    ]),
    country: '91',
    pseudonyms,
  }
  plane.gateway.settings = { ...plane.gateway.settings, destinations }
})

afterEach(async () => {
  await plane.close()
  await upstream.close()
})

const get = (path: string, token: string) => plane.ask(request('GET', path, { Authorization: `Bearer ${token}` }))
const withNumber = (number: unknown) => plane.token({ issuer: ISSUER, claims: { phone_number: number } })

describe('the number of the record must be the one that the OTP went to', () => {
  test.each([
    ['+919876543210', '9876543210'],
    ['9876543210', '%2B919876543210'],
    ['+91 98765-43210', '09876543210'],
    ['00919876543210', '9876543210'],
  ])('%s reads the record of %s', async (number, asked) => {
    expect((await get(`/lookup/${asked}`, withNumber(number))).status).toBe(200)
  })

  test('a session of our own carries the pseudonym alone', async () => {
    const own = plane.token({
      issuer: OWN,
      claims: { otp_number: plane.gateway.pseudonyms.of('number', '+919876543210') },
    })
    expect((await get('/lookup/9876543210', own)).status).toBe(200)
    expect((await get('/lookup/9876543211', own)).status).toBe(403)
  })

  test.each([
    ["another's number", () => withNumber('+919876543211')],
    ['no number in the session', () => plane.token({ issuer: ISSUER })],
    ['a number that is none', () => withNumber('nobody')],
    ['a list of numbers', () => withNumber(['+919876543210'])],
    [
      'the number of an issuer that is not asked for one',
      () => plane.token({ issuer: 'https://x', claims: { phone_number: '+919876543210' } }),
    ],
    [
      'a pseudonym from an issuer that is not ours',
      () => withNumber(plane.gateway.pseudonyms.of('number', '+919876543210')),
    ],
  ])('%s is 403', async (_what, token) => {
    const answer = await get('/lookup/9876543210', token())
    expect([answer.status, problemOf(answer).type]).toEqual([403, 'urn:portcullis:problem:not-owner'])
    expect(upstream.seen).toBe(0)
  })

  test('a session that was not opened by OTP proves no number', async () => {
    const answer = await get(
      '/lookup/9876543210',
      plane.token({ issuer: ISSUER, byOtp: false, claims: { phone_number: '+919876543210' } }),
    )
    expect(answer.status).toBe(401)
  })

  test('nor one that a route alone counts as an OTP: nobody says that it was delivered to that number', async () => {
    const facts = { issuer: ISSUER, byOtp: false, acr: 'loa3', claims: { phone_number: '+919876543210' } }
    expect((await get('/strong-lookup/9876543210', plane.token(facts))).status).toBe(403)
    expect((await get('/strong-lookup/9876543210', plane.token({ ...facts, byOtp: true }))).status).toBe(200)
  })

  test.each(['98765x43210', '%D9%A9%D9%A8%D9%A7%D9%A6%D9%A5%D9%A4%D9%A3%D9%A2%D9%A1%D9%A0', '9876543210ext1', '0'])(
    'what is asked for is no number: %s',
    async (asked) => {
      expect((await get(`/lookup/${asked}`, withNumber('+919876543210'))).status).toBe(403)
    },
  )

  test('the number of the answer', async () => {
    body = '{"mobile":"98765 43210","name":"Tanixo"}'
    expect((await get('/record', withNumber('+919876543210'))).status).toBe(200)
    const stranger = await get('/record', withNumber('+919876543211'))
    expect(stranger.status).toBe(403)
    expect(stranger.body.toString()).not.toContain('Tanixo')
    body = '{"mobile":"XXXXXX3210"}'
    expect((await get('/record', withNumber('+919876543210'))).status).toBe(403)
    body = '{"name":"Tanixo"}'
    expect((await get('/record', withNumber('+919876543210'))).status).toBe(502)
  })
})

describe('one OTP buys so much', () => {
  const useBudget = (budget: Budget): void => {
    const slab = createBudgetSlab(createBudgetMemory(64, 1), 0)
    plane.gateway.settings = { ...plane.gateway.settings, spend: createSpending({ slab, clock: plane.clock }, budget) }
  }
  const isSpent = async (answer: Promise<Awaited<ReturnType<typeof get>>>) => {
    const { status, ...rest } = await answer
    const challenge = field({ status, ...rest }, 'www-authenticate') ?? ''
    return (
      status === 401 &&
      challenge.includes('error="insufficient_user_authentication"') &&
      challenge.includes('max_age="0"')
    )
  }

  test('people of the requests', async () => {
    useBudget({ subjects: 2 })
    const token = plane.token()
    expect((await get('/find/a', token)).status).toBe(200)
    expect((await get('/find/b', token)).status).toBe(200)
    expect(await isSpent(get('/find/c', token))).toBe(true)
    expect((await get('/find/a', token)).status).toBe(200)
    expect(upstream.requests).toHaveLength(3)
    expect(await isSpent(get('/find/c', plane.token()))).toBe(false)
  })

  test('people of the answers: what is too much does not leave', async () => {
    useBudget({ subjects: 3 })
    const token = plane.token()
    body = '{"people":[{"id":"a"},{"id":"b"}]}'
    expect((await get('/people', token)).status).toBe(200)
    body = '{"people":[{"id":"b"},{"id":"c"},{"id":"STRANGER"}]}'
    const answer = await get('/people', token)
    expect(answer.status).toBe(401)
    expect(answer.body.toString()).not.toContain('STRANGER')
    body = '{"people":[{"id":"c"}]}'
    expect((await get('/people', token)).status).toBe(200)
    expect(await isSpent(get('/find/x', token))).toBe(true)
  })

  test('routes', async () => {
    useBudget({ routes: 2 })
    const token = plane.token()
    for (const [path, spent] of [
      ['/other', false],
      ['/other', false],
      ['/third', false],
      ['/find/a', true],
      ['/other', false],
    ] as const) {
      expect([path, await isSpent(get(path, token))]).toEqual([path, spent])
    }
  })

  test('minutes, and a fresh OTP begins anew', async () => {
    useBudget({ timeMs: 60_000, subjects: 1 })
    const token = plane.token(PERSON)
    expect((await get('/find/a', token)).status).toBe(200)
    expect(await isSpent(get('/find/b', token))).toBe(true)
    plane.clock.advance(61_000)
    plane.renewLease()
    expect(await isSpent(get('/find/a', token))).toBe(true)
    // The same session, stepped up.
    expect((await get('/find/b', plane.token(PERSON))).status).toBe(200)
  })

  test('a refreshed token has the OTP that it had, also under another name', async () => {
    useBudget({ subjects: 1 })
    const session = { ...PERSON, authTime: plane.clock.now() / 1000 }
    expect((await get('/find/a', plane.token(session))).status).toBe(200)
    plane.clock.advance(1_000)
    const issuedAt = plane.clock.now() / 1000
    expect(await isSpent(get('/find/b', plane.token({ ...session, issuedAt })))).toBe(true)
    const renamed = { ...session, issuedAt, session: 'k.another012345678901234' }
    expect(await isSpent(get('/find/b', plane.token(renamed)))).toBe(true)
    expect(await isSpent(get('/find/b', plane.token({ ...renamed, principal: 'k.somebody0123456789012' })))).toBe(false)
  })

  test('the time of the OTP counts where the issuer tells it beside that of the login', async () => {
    useBudget({ subjects: 1, timeMs: 60_000 })
    const authTime = plane.clock.now() / 1000 - 3_600
    const at = (otpTime: number) => plane.token({ ...PERSON, authTime, otpTime })
    const now = plane.clock.now() / 1000
    expect((await get('/find/a', at(now))).status).toBe(200)
    expect(await isSpent(get('/find/b', at(now)))).toBe(true)
    expect(await isSpent(get('/find/b', at(now - 61)))).toBe(true)
    // Stepped up within the same login: it must not be told to step up for ever.
    expect((await get('/find/b', at(now - 1))).status).toBe(200)
  })

  test('what counts as an OTP by the words of a route is spent as one', async () => {
    useBudget({ subjects: 1 })
    const token = plane.token({ ...PERSON, byOtp: false, acr: 'loa3' })
    expect((await get('/strong/a', token)).status).toBe(200)
    expect(await isSpent(get('/strong/b', token))).toBe(true)
  })
})

const PERSON = { session: 'k.0123456789012345678901', principal: 'k.person0123456789012345' }
