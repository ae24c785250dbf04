// Security events over HTTP: what is answered, what becomes an order, and what never does twice.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { createEventReceiver } from '../../src/control/event-receiver.ts'
import type { OrderResult } from '../../src/control/order-desk.ts'
import { SESSION_REVOKED } from '../../src/core/security-event.ts'
import type { EventVerification } from '../../src/ports/event-verifier.ts'
import { createFakeClock } from '../support/fake-clock.ts'

const ISS = 'https://otp.example.in'
const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function open(result: Partial<OrderResult> = { outcome: 'accepted' }) {
  const clock = createFakeClock()
  const orders: Record<string, unknown>[] = []
  const logged: string[] = []
  const log = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  const state = { events: {} as object, subject: {} as object, refused: undefined as EventVerification | undefined }
  const server = createServer(
    createEventReceiver({
      verifier: {
        verify: async (token) =>
          state.refused ?? {
            transmitter: 'https://idp.example',
            jti: token,
            speaksFor: [ISS, 'https://two.example'],
            claims: { events: state.events, sub_id: state.subject },
          },
      },
      pseudonyms: { of: (kind, value) => `${kind}(${value})` },
      sign: (order) => (orders.push(order), JSON.stringify(order)),
      desk: { submit: async () => result as OrderResult },
      clock,
      logger: { debug: log, info: log, warn: log, error: log },
    }),
  )
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/events`
  const push = (
    jti: string,
    subject: object = { format: 'iss_sub', iss: ISS, sub: 'citizen-1' },
  ): Promise<Response> => {
    state.subject = subject
    return fetch(url, { method: 'POST', headers: { 'content-type': 'application/secevent+jwt' }, body: jti })
  }
  state.events = { [SESSION_REVOKED]: {} }
  return { clock, orders, logged, state, push }
}

test('a person becomes an order with a pseudonym and a time, a session one for each issuer that is spoken for', async () => {
  const { orders, push, clock } = await open()
  expect((await push('a')).status).toBe(202)
  const common = { kind: 'revoke', reason: 'session-revoked, reported by https://idp.example', incident: 'CAEP' }
  const before = new Date(clock.now() + 1_000).toISOString()
  expect(orders).toEqual([{ ...common, subject: 'principal(citizen-1)', before }])
  expect((await push('b', { format: 'opaque', id: 's-1' })).status).toBe(202)
  expect(orders.slice(1)).toEqual([
    { ...common, session: `session(${ISS}#s-1)` },
    { ...common, session: 'session(https://two.example#s-1)' },
  ])
})

test('one that is sent again is acknowledged, and makes no second order', async () => {
  const { orders, push } = await open()
  for (let n = 0; n < 3; n++) expect((await push('a')).status).toBe(202)
  expect(orders).toHaveLength(1)
})

test('one that could not be carried out is to be sent again, and counts then', async () => {
  const { orders, push, logged } = await open({
    outcome: 'refused',
    problems: ['the disk is full'],
  } as Partial<OrderResult>)
  const answer = await push('a')
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
  await push('a')
  expect(orders).toHaveLength(2)
  expect(logged.join()).toContain('the disk is full')
  expect(logged.join()).not.toContain('citizen-1')
})

test('keys that cannot be had: 503; a token that does not hold: 400 with its code', async () => {
  const { push, state } = await open()
  state.refused = { refused: 'unavailable', detail: 'x' }
  expect((await push('a')).status).toBe(503)
  state.refused = { refused: 'invalid_key', detail: 'its signature does not hold' }
  const answer = await push('a')
  expect([answer.status, await answer.json()]).toEqual([
    400,
    { err: 'invalid_key', description: 'its signature does not hold' },
  ])
})

test('more than 600 orders a minute are put off, and taken in the next', async () => {
  const { orders, push, clock } = await open()
  for (let n = 0; n < 600; n += 50)
    await Promise.all(Array.from({ length: 50 }, (_, each) => push(String(n + each)).then((answer) => answer.text())))
  const late = await push('late')
  expect([late.status, late.headers.get('retry-after')]).toEqual([429, '60'])
  expect(orders).toHaveLength(600)
  clock.advance(60_000)
  expect((await push('late')).status).toBe(202)
})
