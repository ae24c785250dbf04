// The upstream client alone: retries, queues, targets, failures, and that nothing is written without leave.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { afterEach, describe, expect, test } from '@jest/globals'
import {
  createUpstreamClient,
  type UpstreamClientDeps,
  type UpstreamPools,
} from '../../../src/adapters/net/upstream-client.ts'
import type {
  UpstreamCall,
  UpstreamClient,
  UpstreamFailure,
  UpstreamRequest,
} from '../../../src/ports/upstream-client.ts'
import { OK, startRawUpstream, type Answer, type RawUpstream } from '../../support/raw-upstream.ts'
import { turns, until } from '../../support/rig.ts'

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  // The upstreams first: what is open ends with them.
  for (const each of opened.splice(0)) await each.close()
})

async function upstreamWith(answer: Answer = () => OK): Promise<RawUpstream> {
  const upstream = await startRawUpstream(answer)
  opened.push(upstream)
  return upstream
}

function clientOf(
  targets: readonly string[],
  more: Partial<UpstreamPools> = {},
  deps: Partial<UpstreamClientDeps> = {},
): UpstreamClient {
  const client = createUpstreamClient(
    {
      registry: {
        targets,
        connectTimeoutMs: 1_000,
        headersTimeoutMs: 5_000,
        bodyTimeoutMs: 5_000,
        connectionsMax: 4,
        inFlightMax: 1_000,
        queue: { requestsMax: 4_096, timeoutMs: 60_000 },
        ...more,
      },
    },
    { now: () => performance.now(), ...deps },
  )
  opened.push(client)
  return client
}

const at = (upstream: RawUpstream): string => `http://127.0.0.1:${upstream.port}`

interface Ended {
  readonly status: number
  readonly body: string
  readonly failure: UpstreamFailure['failure'] | undefined
  readonly starts: number
}

interface Asked {
  readonly call: UpstreamCall
  readonly ended: Promise<Ended>
}

function ask(client: UpstreamClient, more: Partial<UpstreamRequest> = {}, mayStart: () => boolean = () => true): Asked {
  const { promise, resolve } = Promise.withResolvers<Ended>()
  let status = 0
  let body = ''
  let starts = 0
  const end = (failure?: UpstreamFailure): void => {
    resolve({ status, body, failure: failure?.failure, starts })
  }
  const call = client.send(
    { upstream: 'registry', method: 'GET', target: '/a', lines: '', body: 0, idempotent: true, ...more },
    {
      onStart: () => {
        starts += 1
        return mayStart()
      },
      onHeadSent: (each) => {
        if (more.body === undefined) return
        each.write(Buffer.from('{}'))
        each.endBody()
      },
      onDrain: () => undefined,
      onHead: (each) => {
        status = each
      },
      onData: (chunk) => {
        body += chunk.toString()
        return true
      },
      onEnd: () => {
        end()
      },
      onFailure: end,
    },
  )
  return { call, ended: promise }
}

/** The kept-alive connection closes as soon as the second request has been written to it. */
const closesOnReuse =
  (how: 'end' | 'resetAndDestroy'): Answer =>
  (_request, { socket, requests }) => {
    if (requests.length === 1) return OK
    socket[how]()
    return undefined
  }

describe('a retry', () => {
  test.each(['end', 'resetAndDestroy'] as const)(
    'is made once, of an idempotent request with no body, where a kept-alive connection closed (%s)',
    async (how) => {
      const upstream = await upstreamWith(closesOnReuse(how))
      const client = clientOf([at(upstream)], { connectionsMax: 1 })
      await ask(client).ended
      expect(await ask(client).ended).toEqual({ status: 200, body: '{"from":"real"}', failure: undefined, starts: 2 })
      expect(upstream.requests.length).toBe(3)
      expect(upstream.connections.length).toBe(2)
    },
  )

  test('asks for leave again, and is not made without it', async () => {
    const upstream = await upstreamWith(closesOnReuse('end'))
    const client = clientOf([at(upstream)], { connectionsMax: 1 })
    await ask(client).ended
    let leave = 1
    const { call, ended } = ask(client, {}, () => leave-- > 0)
    void ended
    await upstream.requested(2)
    await turns(50)
    expect(upstream.requests.length).toBe(2)
    call.abort()
  })

  /** A client with three connections that have each carried an answer and rest. */
  async function rested(upstream: RawUpstream, connectionsMax: number): Promise<UpstreamClient> {
    const client = clientOf([at(upstream)], { connectionsMax })
    const first = [ask(client), ask(client), ask(client)]
    await upstream.requested(3)
    for (const { socket } of upstream.connections) socket.write(OK)
    await Promise.all(first.map(({ ended }) => ended))
    return client
  }

  test.each([
    ['', 4],
    [', where there is room for no more than those', 3],
  ])('goes over a fresh connection, as the others at rest may have closed too%s', async (_name, connectionsMax) => {
    const upstream = await upstreamWith(() => undefined)
    const client = await rested(upstream, connectionsMax)
    upstream.answer = closesOnReuse('end')
    expect(await ask(client).ended).toMatchObject({ status: 200, failure: undefined, starts: 2 })
    expect([upstream.requests.length, upstream.connections.length]).toEqual([5, 4])
  })

  test('is not made twice, though that connection has closed as well', async () => {
    const upstream = await upstreamWith(() => undefined)
    const client = await rested(upstream, 4)
    upstream.answer = (_request, { socket }) => void socket.end()
    expect(await ask(client).ended).toMatchObject({ failure: 'reset', starts: 2 })
    expect(upstream.requests.length).toBe(5)
  })

  test.each([
    ['of a request that is not idempotent', { method: 'POST', idempotent: false }],
    ['of a request with a body', { method: 'GET', body: 2 }],
  ])('is not made %s', async (_name, more) => {
    const upstream = await upstreamWith(closesOnReuse('end'))
    const client = clientOf([at(upstream)], { connectionsMax: 1 })
    await ask(client).ended
    expect(await ask(client, more).ended).toMatchObject({
      failure: 'reset',
      starts: 1,
    })
    expect(upstream.requests.length).toBe(2)
  })

  test.each([
    ['a fresh connection closed', (): undefined => undefined],
    ['a part of an answer had come', (): string => 'HTTP/1.1 200 OK\r\nX-A'],
    ['an interim answer had come', (): string => 'HTTP/1.1 103 Early Hints\r\n\r\n'],
  ])('is not made where %s', async (_name, first) => {
    const upstream = await upstreamWith((_request, { socket, requests }) => {
      if (first() !== undefined && requests.length === 1) return OK
      const bytes = first()
      if (bytes === undefined) socket.end()
      else socket.end(bytes)
      return undefined
    })
    const client = clientOf([at(upstream)], { connectionsMax: 1 })
    if (first() !== undefined) await ask(client).ended
    const before = upstream.requests.length
    const { failure } = await ask(client).ended
    expect(failure).toBeDefined()
    expect(upstream.requests.length).toBe(before + 1)
  })

  test('is not made where the upstream answered with what is no answer', async () => {
    const upstream = await upstreamWith((_request, { requests }) =>
      requests.length === 1 ? OK : 'HTTP/1.1 101 X\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n',
    )
    const client = clientOf([at(upstream)], { connectionsMax: 1 })
    await ask(client).ended
    expect((await ask(client).ended).failure).toBeDefined()
    expect(upstream.requests.length).toBe(2)
  })
})

describe('leave to start', () => {
  test('that is not given: no byte is written, and the next request is served', async () => {
    const upstream = await upstreamWith()
    const client = clientOf([at(upstream)], { connectionsMax: 1 })
    ask(client, {}, () => false)
    await upstream.connected(1)
    expect(await ask(client).ended).toMatchObject({ status: 200 })
    expect(upstream.requests.length).toBe(1)
  })

  test('that is given to none of ten thousand who wait: each is passed over in the same turn', async () => {
    const upstream = await upstreamWith(() => undefined)
    const client = clientOf([at(upstream)], { connectionsMax: 1, queue: { requestsMax: 20_000, timeoutMs: 60_000 } })
    const first = ask(client)
    let asked = 0
    for (let count = 0; count < 10_000; count++) ask(client, {}, () => (asked += 1) === 0)
    const last = ask(client, { target: '/last' })
    await upstream.requested(1)
    upstream.answer = () => OK
    upstream.connections[0]?.socket.write(OK)
    expect(await first.ended).toMatchObject({ status: 200 })
    expect(asked).toBe(10_000)
    expect(await last.ended).toMatchObject({ status: 200 })
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/a', '/last'])
  })

  test('is asked for after the wait, not before it', async () => {
    const upstream = await upstreamWith(() => undefined)
    const client = clientOf([at(upstream)], { connectionsMax: 1 })
    const first = ask(client)
    await upstream.requested(1)
    let asked = false
    const second = ask(client, { target: '/b' }, () => (asked = true))
    await turns()
    expect(asked).toBe(false)
    upstream.answer = () => OK
    upstream.connections[0]?.socket.write(OK)
    await first.ended
    expect(await second.ended).toMatchObject({ status: 200 })
    expect(asked).toBe(true)
  })
})

describe('an abort', () => {
  test('before a connection: the request is taken from the queue', async () => {
    const upstream = await upstreamWith(() => undefined)
    const client = clientOf([at(upstream)], { connectionsMax: 1 })
    ask(client)
    await upstream.requested(1)
    const waiting = ask(client)
    waiting.call.abort()
    expect(await waiting.ended).toMatchObject({ failure: 'aborted', starts: 0 })
    upstream.answer = () => OK
    const last = ask(client, { target: '/last' })
    upstream.connections[0]?.socket.write(OK)
    expect(await last.ended).toMatchObject({ status: 200 })
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/a', '/last'])
    expect(upstream.connections.length).toBe(1)
  })

  test('while the connection is being opened: not a byte', async () => {
    const upstream = await upstreamWith()
    const client = clientOf([at(upstream)], { connectionsMax: 1 })
    const { call, ended } = ask(client)
    call.abort()
    expect(await ended).toMatchObject({ failure: 'aborted', starts: 0 })
    expect(await ask(client, { target: '/b' }).ended).toMatchObject({ status: 200 })
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/b'])
  })

  test('twice, and after the end, is harmless', async () => {
    const upstream = await upstreamWith()
    const client = clientOf([at(upstream)], { connectionsMax: 1 })
    const { call, ended } = ask(client)
    await ended
    call.abort()
    call.abort()
    for (let count = 0; count < 5; count++) expect(await ask(client).ended).toMatchObject({ status: 200 })
    expect(upstream.connections.length).toBe(1)
  })

  test('many of them leave no place taken', async () => {
    const upstream = await upstreamWith(() => undefined)
    const client = clientOf([at(upstream)], { connectionsMax: 2 })
    for (let count = 0; count < 30; count++) {
      const { call, ended } = ask(client)
      if (count % 3 === 0) await upstream.connected(1)
      call.abort()
      await ended
      if (count % 2 === 0) await turns(3)
    }
    upstream.answer = () => OK
    const all = await Promise.all(Array.from({ length: 10 }, () => ask(client).ended))
    expect(all.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200))
  })
})

describe('targets', () => {
  test('are used in turn', async () => {
    const upstreams = [await upstreamWith(), await upstreamWith()]
    const client = clientOf(upstreams.map(at))
    for (let count = 0; count < 10; count++) await ask(client).ended
    expect(upstreams.map(({ requests }) => requests.length)).toEqual([5, 5])
  })

  test('the least loaded is used first', async () => {
    const [slow, quick] = [await upstreamWith(() => undefined), await upstreamWith()]
    const client = clientOf([at(slow), at(quick)])
    const first = [ask(client), ask(client)]
    await slow.requested(1)
    for (let count = 0; count < 5; count++) await ask(client).ended
    expect(slow.requests.length).toBe(1)
    for (const { call } of first) call.abort()
  })

  test('one that refuses connections is passed over while there is another; the last one never is', async () => {
    const [gone, alive] = [await upstreamWith(), await upstreamWith()]
    const client = clientOf([at(gone), at(alive)])
    const port = gone.port
    await gone.close()
    const ends = []
    for (let count = 0; count < 10; count++) ends.push(await ask(client).ended)
    expect(ends.filter(({ failure }) => failure === 'refused').length).toBe(1)
    expect(alive.requests.length).toBe(9)
    await alive.close()
    for (let count = 0; count < 4; count++) expect(await ask(client).ended).toMatchObject({ failure: 'refused' })
    const again = net.createServer((socket) => socket.once('data', () => socket.end(OK))).listen(port, '127.0.0.1')
    await new Promise((resolve) => again.once('listening', resolve))
    const statuses = []
    for (let count = 0; count < 4; count++) statuses.push((await ask(client).ended).status)
    expect(statuses).toContain(200)
    again.close()
  })

  test('an upstream that is not configured is refused', async () => {
    const upstream = await upstreamWith()
    expect(await ask(clientOf([at(upstream)]), { upstream: 'nobody' }).ended).toMatchObject({ failure: 'refused' })
  })
})

describe('failures have their names', () => {
  test('a queue that is too long: overloaded', async () => {
    const upstream = await upstreamWith(() => undefined)
    const client = clientOf([at(upstream)], { connectionsMax: 1 })
    const calls = Array.from({ length: 4_097 }, () => ask(client))
    expect(await ask(client).ended).toMatchObject({ failure: 'overloaded' })
    for (const { call } of calls) call.abort()
  })

  test('an upstream that takes connections and says nothing: timeout', async () => {
    const upstream = await upstreamWith(() => undefined)
    expect(await ask(clientOf([at(upstream)], { headersTimeoutMs: 50 })).ended).toMatchObject({ failure: 'timeout' })
  })

  test('a name that does not resolve: refused', async () => {
    expect(await ask(clientOf(['http://nobody.invalid:1'])).ended).toMatchObject({ failure: 'refused' })
  })

  test('a target that cannot be sent: malformed, and not a byte of it is written', async () => {
    const upstream = await upstreamWith()
    const client = clientOf([at(upstream)], { connectionsMax: 1 })
    for (const target of ['/a b', '/a\r\nB: c', '/a\x7f', '/\u010d', ''])
      expect(await ask(client, { target }).ended).toMatchObject({ failure: 'malformed' })
    expect(await ask(client).ended).toMatchObject({ status: 200 })
    expect(upstream.requests.length).toBe(1)
  })

  test('a certificate that nobody vouches for: no request is sent', async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'portcullis-'))
    try {
      const made = [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        '/CN=127.0.0.1',
      ]
      execFileSync('openssl', [...made, '-keyout', `${dir}/key.pem`, '-out', `${dir}/cert.pem`], { stdio: 'ignore' })
    } catch {
      console.warn('SKIPPED: openssl is missing, so TLS to the upstream was not tried')
      fs.rmSync(dir, { recursive: true })
      return
    }
    let seen = 0
    const server = tls.createServer(
      { key: fs.readFileSync(`${dir}/key.pem`), cert: fs.readFileSync(`${dir}/cert.pem`) },
      (socket) => void socket.on('data', (chunk) => (seen += chunk.length)).on('error', () => undefined),
    )
    server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as net.AddressInfo
    expect((await ask(clientOf([`https://127.0.0.1:${port}`])).ended).failure).toBeDefined()
    expect(seen).toBe(0)
    server.close()
    fs.rmSync(dir, { recursive: true })
  })
})

describe('closing', () => {
  test('lets what runs and what waits end, takes nothing new, and closes the connections then', async () => {
    const upstream = await upstreamWith(() => undefined)
    const client = clientOf([at(upstream)], { connectionsMax: 1 })
    const [open, waiting] = [ask(client), ask(client, { target: '/b' })]
    await upstream.requested(1)
    let isClosed = false
    const closed = client.close().then(() => {
      isClosed = true
    })
    expect(await ask(client).ended).toMatchObject({ failure: 'refused', starts: 0 })
    await turns()
    expect(isClosed).toBe(false)
    upstream.answer = () => OK
    upstream.connections[0]?.socket.write(OK)
    expect(await open.ended).toMatchObject({ status: 200 })
    expect(await waiting.ended).toMatchObject({ status: 200 })
    await closed
    await until(() => upstream.connections.every((connection) => connection.isClosed))
  })

  test('does not wait for what has been aborted, running or waiting', async () => {
    const upstream = await upstreamWith(() => undefined)
    const client = clientOf([at(upstream)], { connectionsMax: 1 })
    const [open, waiting] = [ask(client), ask(client)]
    await upstream.requested(1)
    const closed = client.close()
    waiting.call.abort()
    open.call.abort()
    await closed
  })

  test('an idle client is closed at once', async () => {
    const upstream = await upstreamWith()
    const client = clientOf([at(upstream)])
    await ask(client).ended
    await client.close()
    await until(() => upstream.connections.every((connection) => connection.isClosed))
  })
})
