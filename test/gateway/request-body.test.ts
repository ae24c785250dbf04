// The body of a request alone: what it takes, from when on, and how it ends.
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { expect, test } from '@jest/globals'
import { RequestBody } from '../../src/gateway/request-body.ts'
import { turns } from '../support/rig.ts'

function bodyOf(bytesMax = 1_000): { inbound: PassThrough; body: RequestBody; tooLarge: () => number } {
  const inbound = new PassThrough()
  let count = 0
  const body = new RequestBody(inbound as unknown as IncomingMessage, {
    bytesMax,
    mayPass: () => true,
    onTooLarge: () => {
      count += 1
    },
  })
  return { inbound, body, tooLarge: () => count }
}

test('takes not one byte before it begins, however often it is asked, and leaves all of them to the next', async () => {
  const { inbound, body } = bodyOf()
  inbound.end('all of it')
  body.read(0)
  body.resume()
  await turns()
  body.destroy()
  await turns()
  expect(inbound.destroyed).toBe(false)
  const next = new RequestBody(inbound as unknown as IncomingMessage, {
    bytesMax: 1_000,
    mayPass: () => true,
    onTooLarge: () => undefined,
  })
  next.begin()
  expect(Buffer.concat(await next.toArray()).toString()).toBe('all of it')
})

test('ends in an error where the request closes before its end', async () => {
  const { inbound, body } = bodyOf()
  body.begin()
  body.resume()
  inbound.write('half')
  await turns()
  const failed = new Promise((resolve) => body.once('error', resolve))
  inbound.destroy()
  expect(String(await failed)).toContain('ended before its body')
})

test('that begins after the request has closed ends in an error too', async () => {
  const { inbound, body } = bodyOf()
  inbound.destroy()
  await turns()
  const failed = new Promise((resolve) => body.once('error', resolve))
  body.begin()
  expect(String(await failed)).toContain('ended before its body')
})

test('tells of each byte past the limit, and passes none of them', async () => {
  const { inbound, body, tooLarge } = bodyOf(4)
  const seen: Buffer[] = []
  body.on('data', (chunk: Buffer) => void seen.push(chunk))
  body.begin()
  inbound.write('four')
  inbound.write('more')
  await turns()
  expect(Buffer.concat(seen).toString()).toBe('four')
  expect(tooLarge()).toBe(1)
})
