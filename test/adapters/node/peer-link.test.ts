// Orders posted to a peer's control plane: in bodies that it takes, and without waiting for one that does not answer.
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { createPeerLink } from '../../../src/adapters/node/peer-link.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function listen(
  answer: (body: string, response: ServerResponse, request: IncomingMessage) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      answer(body, response, request)
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('the bodies come as they are, in as many posts as it takes', async () => {
  const got: string[][] = []
  const origin = await listen((body, response, request) => {
    expect([request.method, request.url, request.headers['content-type']]).toEqual([
      'POST',
      '/api/v1/fleet/orders',
      'application/json',
    ])
    expect(body.length).toBeLessThan(131_072)
    got.push((JSON.parse(body) as { entries: string[] }).entries)
    response.end('{}')
  })
  const bodies = ['{"v":1}', '"'.repeat(30_000), 'b'.repeat(60_000), 'c'.repeat(60_000), 'd']
  await createPeerLink({ timeoutMs: 2000 }).post(origin, bodies)
  expect(got.flat()).toEqual(bodies)
  expect(got.length).toBeGreaterThan(1)
})

test('an answer that is no 200 is told', async () => {
  const origin = await listen((_body, response) => {
    response.writeHead(503).end()
  })
  await expect(createPeerLink({ timeoutMs: 2000 }).post(origin, ['a'])).rejects.toThrow('it answered 503')
})

test('a peer that takes the connection and says nothing is given up at the limit', async () => {
  const origin = await listen(() => undefined)
  await expect(createPeerLink({ timeoutMs: 50 }).post(origin, ['a'])).rejects.toThrow('no answer in 50 ms')
})

test('a peer that is gone is told', async () => {
  const origin = await listen(() => undefined)
  servers.splice(0).map((server) => server.close())
  await expect(createPeerLink({ timeoutMs: 2000 }).post(origin, ['a'])).rejects.toThrow(/ECONNREFUSED/)
})

describe('a list of people', () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'portcullis-peer-')), 'people.lines')
  const ask = (origin: string) => createPeerLink({ timeoutMs: 2000 }).askPeople(origin, { question: 'q' }, file)

  test('goes into the file, and its hash and seal are told', async () => {
    const list = 'x'.repeat(300_000)
    const origin = await listen((body, response, request) => {
      expect([request.url, body]).toEqual(['/api/v1/fleet/people', '{"question":"q"}'])
      response.writeHead(200, { 'portcullis-answer': 'sealed' }).end(list)
    })
    const sha256 = createHash('sha256').update(list).digest('base64url')
    expect(await ask(origin)).toEqual({ sha256, seal: 'sealed' })
    expect(readFileSync(file, 'utf8')).toBe(list)
  })

  test('that breaks off, or is refused, is none', async () => {
    const cut = await listen((_body, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('half')
      setImmediate(() => response.destroy())
    })
    await expect(ask(cut)).rejects.toThrow(/aborted|ECONNRESET|Premature/)
    const refusing = await listen((_body, response) => {
      response.writeHead(403).end()
    })
    await expect(ask(refusing)).rejects.toThrow('it answered 403')
  })
})
