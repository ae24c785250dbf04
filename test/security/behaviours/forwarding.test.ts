// proxy-behaviours B: who is calling, and from where, is what the gateway says of it; a caller's own word counts for nothing.
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect } from '@jest/globals'
import { checklist } from '../../support/checklist.ts'
import { fieldOf, fieldsOf } from '../../support/raw-upstream.ts'
import { useRig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'

const start = useRig()
const { line, counts } = checklist('proxy-behaviours B, forwarded identity')
const OPEN = { path: '/open', methods: ['GET', 'POST'] } as const
const ROUTES = [OPEN] as const
const GET = request('GET', '/open')

line(13, 'with no trusted proxy no forwarding field of the caller survives, with hyphens or underscores', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  const names = ['For', 'Host', 'Proto', 'Port', 'Prefix', 'Uri', 'Method', 'Server', 'User', 'Groups', 'Email']
    .map((name) => `X-Forwarded-${name}`)
    .concat('Forwarded')
  const spellings = [
    (name: string) => name,
    (name: string) => name.replaceAll('-', '_'),
    (name: string) => name.replace('-', '_').toLowerCase(),
    (name: string) => name.toUpperCase(),
  ]
  for (const spell of spellings)
    await plane.ask(request('GET', '/open', Object.fromEntries(names.map((name) => [spell(name), 'evil.example']))))
  expect(upstream.requests.length).toBe(spellings.length)
  for (const seen of upstream.requests) {
    expect(seen.head).not.toContain('evil')
    expect(fieldsOf(seen, 'x-forwarded-for')).toEqual(['127.0.0.1'])
    expect(seen.fields.filter(([name]) => name.includes('_'))).toEqual([])
  }
})

line(14, 'a trusted peer’s chain is read from the right, up to a hop that is not trusted or unreadable', async () => {
  for (const [chain, client] of [
    ['203.0.113.9', '203.0.113.9'],
    ['6.6.6.6, 203.0.113.9', '203.0.113.9'],
    ['6.6.6.6, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['6.6.6.6, garbage, 10.0.0.2', '10.0.0.2'],
    ['203.0.113.9, 127.1', '127.0.0.1'],
    ['2001:DB8:0::1', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['', '127.0.0.1'],
  ] as const) {
    const { plane, upstream } = await start({ routes: ROUTES, trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] })
    await plane.ask(request('GET', '/open', { 'X-Forwarded-For': chain }))
    expect({ chain, client: plane.trail.requests[0]?.client }).toEqual({ chain, client })
    // The chain goes on whole, with the peer that we saw at its end.
    expect(fieldOf(upstream.requests[0], 'x-forwarded-for')?.split(/, */).at(-1)).toBe('127.0.0.1')
    expect(fieldOf(upstream.requests[0], 'forwarded')).toContain(client.includes(':') ? `"[${client}]"` : client)
  }
})

line(15, 'a caller by a unix socket has no address, and is trusted by no network', async () => {
  const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-unix-'))
  try {
    const { plane, upstream } = await start({
      routes: ROUTES,
      listen: path.join(home, 'gateway.sock'),
      trustedProxies: ['0.0.0.0/0', '::/0'],
    })
    const answer = await plane.ask(
      request('GET', '/open', { 'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Host': 'evil' }),
    )
    expect(answer.status).toBe(200)
    expect(upstream.requests[0]?.head).not.toMatch(/6\.6\.6\.6|evil/)
    expect(fieldOf(upstream.requests[0], 'forwarded')).toMatch(/^for=unknown/)
    expect(plane.trail.requests[0]?.client).toBe('unix')
    plane.lock({ cidrs: ['0.0.0.0/0', '::/0'] })
    expect((await plane.ask(GET)).status).toBe(200)
    plane.lock({ all: true })
    expect((await plane.ask(GET)).status).toBe(503)
    await plane.close()
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
})

line(16, 'fields that the gateway writes are deleted first, also where it has none to write', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  const spoofed =
    'X-Forwarded-Host: evil\r\nX_Forwarded_Host: evil\r\nX-Forwarded-User: evil\r\nX-Request-Id: evil\r\nX_Request_Id: evil\r\nTraceparent: evil\r\n'
  // No Host gives no X-Forwarded-Host; no session gives no user. (An empty Host is refused, or gives none either.)
  await plane.ask(`GET /open HTTP/1.0\r\n${spoofed}\r\n`)
  await plane.ask(`GET /open HTTP/1.1\r\nHost: a\r\n${spoofed}\r\n`)
  await plane.ask(`GET /open HTTP/1.1\r\nHost:\r\n${spoofed}\r\n`)
  for (const seen of upstream.requests) expect(seen.head).not.toContain('evil')
  expect(upstream.requests.slice(0, 2).map((seen) => fieldsOf(seen, 'x-forwarded-host'))).toEqual([[], ['a']])
  for (const seen of upstream.requests.slice(2)) expect(fieldsOf(seen, 'x-forwarded-host')).toEqual([])
})

line(17, 'Host at the upstream is the upstream’s own authority; the caller’s stands in X-Forwarded-Host', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  for (const host of ['api.example.in', 'api.example.in:8080', '[::1]:80', '127.0.0.1'])
    await plane.ask(`GET /open HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  expect(upstream.requests.map((seen) => [fieldsOf(seen, 'host'), fieldOf(seen, 'x-forwarded-host')])).toEqual(
    ['api.example.in', 'api.example.in:8080', '[::1]:80', '127.0.0.1'].map((host) => [
      [`127.0.0.1:${upstream.port}`],
      host,
    ]),
  )
})

line(18, 'an empty Host is no reason to fail', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  for (const head of ['Host:', 'Host: ', 'Host:\t ']) {
    const answer = await plane.ask(`GET /open HTTP/1.1\r\n${head}\r\n\r\n`)
    expect([200, 400]).toContain(answer.status)
  }
  expect((await plane.ask(GET)).status).toBe(200)
  for (const seen of upstream.requests) expect(fieldOf(seen, 'host')).toBe(`127.0.0.1:${upstream.port}`)
})

line(19, 'an absolute target whose authority is not Host’s is 400, and goes nowhere', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  for (const [target, host] of [
    ['http://other.example/open', 'api.example.in'],
    ['http://api.example.in:81/open', 'api.example.in'],
    ['http://api.example.in@other.example/open', 'api.example.in'],
    ['http://api.example.in.other.example/open', 'api.example.in'],
    ['http:///open', 'api.example.in'],
    ['http://api.example.in/open', ''],
  ] as const) {
    const answer = await plane.ask(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    expect({ target, status: answer.status }).toEqual({ target, status: 400 })
  }
  expect(upstream.seen).toBe(0)
  const answer = await plane.ask('GET http://API.example.in/open?a HTTP/1.1\r\nHost: api.example.in\r\n\r\n')
  expect([answer.status, upstream.requests.map(({ target }) => target)]).toEqual([200, ['/open?a']])
  expect(plane.trail.requests.at(-1)).toMatchObject({ route: 'open', path: '/open' })
})

line(20, 'the gateway’s own credential goes on only where the route says so; cookies are not ours', async () => {
  const session = { level: 'required', bind: [] } as const
  const { plane, upstream } = await start({
    routes: [
      { path: '/kept', session },
      { path: '/passed', session, forwardAuthorization: true },
      { path: '/none', forwardAuthorization: false },
    ],
  })
  const fields = { Authorization: `Bearer ${plane.token()}`, Cookie: 'theirs=1' }
  for (const target of ['/kept', '/passed', '/none']) await plane.ask(request('GET', target, fields))
  expect(
    upstream.requests.map((seen) => [seen.target, fieldOf(seen, 'authorization'), fieldOf(seen, 'cookie')]),
  ).toEqual([
    ['/kept', undefined, 'theirs=1'],
    ['/passed', 'Bearer token-1', 'theirs=1'],
    ['/none', undefined, 'theirs=1'],
  ])
  // Nor by another spelling, nor by the way of Connection.
  await plane.ask(request('GET', '/none', { AUTHORIZATION: 'Bearer token-1', 'Proxy-Authorization': 'Bearer token-1' }))
  expect(upstream.requests.at(-1)?.head).not.toContain('token-1')
})

counts()
