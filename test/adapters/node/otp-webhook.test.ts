// Delivery: signed so that nobody else can order a message, tried again, given up in the end, and never told in a log.
import { createHmac } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createOtpWebhook } from '../../../src/adapters/node/otp-webhook.ts'

const SECRET = 'a secret of more than thirty-two characters'
const NOW = 1_790_000_000_000
const MESSAGE = { id: 'txn-1', number: '+919876543210', code: '123456', expiresAt: NOW + 180_000 }

interface Hit {
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}
let server: http.Server
let hits: Hit[]
let elsewhere = 0
let answer: (response: http.ServerResponse, hit: number) => void
let logged: string[]

beforeEach(async () => {
  hits = []
  logged = []
  server = http.createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (piece: string) => (body += piece))
    request.on('end', () => {
      if (request.url === '/elsewhere') {
        elsewhere += 1
        response.writeHead(204).end()
        return
      }
      hits.push({ headers: request.headers, body })
      answer(response, hits.length)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

function deliver(
  more: { timeoutMs?: number; now?: () => number; url?: string } = {},
): Promise<{ event: string; pauses: number[]; retries: number }> {
  const pauses: number[] = []
  let retries = 0
  const note = (level: string) => (message: string, fields?: unknown) =>
    void logged.push(JSON.stringify([level, message, fields]))
  return new Promise((resolve) => {
    createOtpWebhook({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sms`,
      secret: SECRET,
      timeoutMs: 2_000,
      now: () => NOW,
      logger: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
      pause: async (ms) => void pauses.push(ms),
      onResult: (event) => {
        if (event === 'retried') {
          retries += 1
          return
        }
        // What is logged comes after.
        setImmediate(() => {
          resolve({ event, pauses, retries })
        })
      },
      ...more,
    }).deliver(MESSAGE)
  })
}

test('is posted once, under a signature of Standard Webhooks', async () => {
  answer = (response) => void response.writeHead(204).end()
  expect(await deliver()).toEqual({ event: 'delivered', pauses: [], retries: 0 })
  const [hit] = hits
  expect(JSON.parse(hit?.body ?? '')).toEqual({
    type: 'otp',
    number: MESSAGE.number,
    code: MESSAGE.code,
    expiresAt: new Date(MESSAGE.expiresAt).toISOString(),
  })
  const signed = createHmac('sha256', SECRET)
    .update(`txn-1.${NOW / 1000}.${hit?.body ?? ''}`)
    .digest('base64')
  expect(hit?.headers['webhook-signature']).toBe(`v1,${signed}`)
  expect([hit?.headers['webhook-id'], hit?.headers['webhook-timestamp']]).toEqual(['txn-1', String(NOW / 1000)])
  expect(logged).toEqual([])
})

test('is tried again with the same id, and then it arrives', async () => {
  answer = (response, hit) => void response.writeHead(hit < 3 ? 503 : 200).end('no')
  expect(await deliver()).toEqual({ event: 'delivered', pauses: [1_000, 2_000], retries: 2 })
  expect(new Set(hits.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
})

test.each([
  ['refuses', (response: http.ServerResponse): void => void response.writeHead(500).end()],
  ['breaks off', (response: http.ServerResponse): void => void response.socket?.destroy()],
] as const)('one that %s is given up after three tries, and told without the number', async (_what, how) => {
  answer = how
  expect(await deliver()).toMatchObject({ event: 'failed', retries: 2 })
  expect(hits).toHaveLength(3)
  expect(logged).toHaveLength(1)
  expect(logged[0]).toContain('txn-1')
  for (const secret of ['9876543210', '123456', SECRET]) expect(logged[0]).not.toContain(secret)
})

test.each([302, 307, 308])('is never taken elsewhere, where it is told to go (%i)', async (status) => {
  answer = (response) => void response.writeHead(status, { location: '/elsewhere' }).end()
  elsewhere = 0
  expect((await deliver()).event).toBe('failed')
  expect([hits.length, elsewhere]).toEqual([3, 0])
})

test('one that never answers is timed out', async () => {
  answer = () => undefined
  expect((await deliver({ timeoutMs: 30 })).event).toBe('failed')
  expect(logged[0]).toContain('no answer in time')
})

test('nothing is sent once the code has expired', async () => {
  answer = (response) => void response.writeHead(200).end()
  expect((await deliver({ now: () => MESSAGE.expiresAt })).event).toBe('failed')
  expect(hits).toHaveLength(0)
})
