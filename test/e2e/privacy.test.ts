// No citizen's identifier in clear: planted in every place that a request can hold one, then looked for in all that the product wrote.
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { DEFAULT_ROUTES, eventually, signOrder, startGateway, startRawUpstream } from '../support/gateway-process.ts'

/** The published sandbox number, a mobile from no assigned range, and a name: each spelled in the ways that a writer might. */
const PLANTED = [
  '999941057058',
  '9999 4105 7058',
  '5550012345',
  'planted-citizen',
  'planted-session',
  'planted-otp-123456',
]

/** What an upstream in trouble may send. */
const ODD_ANSWERS: Readonly<Record<string, string>> = {
  head: 'HTTP/1.1 500 planted-citizen 5550012345\r\nSet-Cookie: m=5550012345\r\nContent-Length: 15\r\n\r\nplanted-citizen',
  status: 'planted-citizen 5550012345\r\n\r\n',
  field: 'HTTP/1.1 200 OK\r\nplanted-citizen 5550012345\r\n\r\n',
  length: 'HTTP/1.1 200 OK\r\nContent-Length: 5550012345x\r\n\r\n',
  chunk: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5550012345zz;planted-citizen\r\n',
  short: 'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nplanted-citizen 5550012345',
}

function sendRaw(port: number, bytes: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', () => socket.end())
    socket.on('close', () => {
      resolve()
    })
    socket.on('error', () => {
      resolve()
    })
  })
}

test('planted identifiers stand in no file, log, metric or answer', async () => {
  const upstream = await startRawUpstream((socket, head) => {
    const body = head.includes('/people') ? '[{"uid":"9999 4105 7058","mobile":"+91 98765 43210"}]' : '{"from":"real"}'
    const odd = ODD_ANSWERS[/answer=(\w+)/.exec(head)?.[1] ?? '']
    if (odd !== undefined) {
      socket.end(odd)
      return
    }
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  })
  const gateway = await startGateway({
    upstreamPort: upstream.port,
    routes: `${DEFAULT_ROUTES}  - { id: people, path: /api/v2/people, methods: [GET], upstream: registry, session: none, pii: true }\n`,
  })
  try {
    const token = gateway.issuer.token({
      sub: 'planted-citizen',
      sid: 'planted-session',
      record_ids: ['999941057058', '5550012345'],
    })
    const answers: string[] = []
    const ask = async (at: string, init: RequestInit = {}): Promise<void> => {
      const answer = await fetch(`${gateway.url}${at}`, init)
      answers.push(JSON.stringify([...answer.headers]), await answer.text())
    }
    const authorization = `Bearer ${token}`
    await ask('/api/v2/records/999941057058', { headers: { authorization } })
    await ask('/api/v2/records/5550012345?mobile=5550012345&otp=planted-otp-123456', {
      headers: { authorization, 'x-mobile': '5550012345', cookie: 'm=5550012345' },
    })
    await ask('/api/v2/records/9999%204105%207058', { headers: { authorization } })
    await ask('/api/v2/records', {
      method: 'POST',
      body: '{"mobile":"5550012345","otp":"planted-otp-123456"}',
      headers: { 'content-type': 'application/json' },
    })
    await ask('/nowhere/999941057058?x=5550012345', { headers: { 'user-agent': 'planted-citizen' } })
    await ask('/api/v2/records/999941057058', {
      headers: {
        authorization,
        'x-request-id': '999941057058',
        referer: 'https://portal.example/999941057058',
        forwarded: 'for=planted-citizen',
        'x-forwarded-for': '5550012345',
        cookie: 'session=planted-session; otp=planted-otp-123456',
      },
    })
    await ask('/api/v2/facilities', {
      headers: { authorization: `Basic ${btoa('planted-citizen:planted-otp-123456')}` },
    })
    await ask('/api/v2/records', { method: 'PUT', body: 'mobile=5550012345&otp=planted-otp-123456' })
    await ask('/api/v2/records/999941057058', { headers: { authorization, 'content-type': 'x/planted-citizen' } })
    // What comes back holds people too: they are counted, and nobody is written down.
    await fetch(`${gateway.url}/api/v2/people?near=5550012345`).then((answer) => answer.arrayBuffer())
    await ask('/api/v2/facilities', { headers: { authorization: 'Bearer planted-session' } })
    // What carries them at the edges: bodies of other kinds, a handshake, an upstream that answers with them in its head or not at all.
    const form = new FormData()
    form.set('planted-citizen', '5550012345')
    form.set('card', new Blob(['999941057058']), 'planted-citizen.pdf')
    await ask('/api/v2/records', { method: 'POST', body: form })
    for (const how of ['head', 'status', 'field', 'length', 'chunk', 'short'])
      await fetch(`${gateway.url}/api/v2/people?answer=${how}&near=5550012345`)
        .then((answer) => answer.arrayBuffer())
        .catch(() => undefined)
    await sendRaw(
      gateway.port,
      'GET /api/v2/facilities?near=5550012345 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: planted-citizen\r\nSec-WebSocket-Protocol: planted-session\r\n\r\n',
    )
    await sendRaw(
      gateway.port,
      'POST /api/v2/records HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3;m=5550012345\r\nabc\r\n0\r\nX-M: planted-citizen\r\nplanted citizen\r\n\r\n',
    )
    await sendRaw(
      gateway.port,
      'GET /api/v2/records/999941057058 HTTP/1.1\r\nHost: 5550012345\r\nBad Header planted-citizen\r\n\r\n',
    )
    await sendRaw(gateway.port, 'PLANTED /999941057058 HTTP/1.1\r\n\r\n')
    await sendRaw(gateway.port, 'GET /5550012345/../x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await gateway.order(
      signOrder(gateway.people[0]!, {
        kind: 'revoke',
        subject: 'planted-citizen',
        reason: 'stolen',
        incident: 'INC-1',
      }),
    )
    await gateway.order(
      signOrder(gateway.people[0]!, {
        kind: 'lock',
        scope: { subjects: ['999941057058'] },
        reason: 'x',
        incident: 'INC-1',
      }),
    )
    const pseudonyms = await fetch(`http://127.0.0.1:${gateway.controlPort}/api/v1/pseudonyms`, {
      method: 'POST',
      body: '{"kind":"subject","values":["999941057058"]}',
      headers: { 'content-type': 'application/json' },
    })
    answers.push(await pseudonyms.text())
    answers.push(
      await (await fetch(`http://127.0.0.1:${gateway.controlPort}/metrics`)).text(),
      await (await gateway.api('/api/v1/status')).text(),
    )
    expect(await gateway.stop()).toBe(0)

    const files = globSync('**', { cwd: gateway.home })
      .map((file) => path.join(gateway.home, file))
      .filter((file) => statSync(file).isFile())
    expect(files.length).toBeGreaterThan(4)
    const written = new Map(files.map((file) => [file, readFileSync(file, 'latin1')]))
    written.set('log', gateway.log())
    answers.forEach((answer, index) => written.set(`answer ${index}`, answer))
    for (const [where, text] of written)
      for (const planted of PLANTED)
        expect({ where, planted, found: text.includes(planted) }).toEqual({ where, planted, found: false })
    expect([...written.values()].some((text) => text.includes('"pii":{"aadhaar":1,"mobile":1}'))).toBe(true)
    // The run was real: the records are there, under pseudonyms.
    expect([...written.values()].some((text) => text.includes('"route":"record.read"'))).toBe(true)
  } finally {
    await gateway.cleanUp()
    await upstream.close()
  }
})

test('what proxies, responders and auditors write by mistake is kept out too', async () => {
  const MOBILE = '9876543210'
  const upstream = await startRawUpstream()
  const gateway = await startGateway({
    upstreamPort: upstream.port,
    routes: DEFAULT_ROUTES,
    gatewayExtra: ', trustedProxies: ["127.0.0.1/32"]',
  })
  try {
    const answer = await fetch(`${gateway.url}/api/v2/facilities`, {
      headers: { 'x-request-id': MOBILE, 'x-forwarded-for': '203.0.113.7' },
    })
    expect(answer.headers.get('x-request-id')).not.toBe(MOBILE)
    const kept = await fetch(`${gateway.url}/api/v2/facilities`, { headers: { 'x-request-id': 'ours-4711' } })
    expect(kept.headers.get('x-request-id')).toBe('ours-4711')
    await sendRaw(gateway.port, `${MOBILE} /api/v2/nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    await sendRaw(gateway.port, `${MOBILE} /api/v2/facilities HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)

    // An issuer that names its clients by people.
    for (const claims of [{ azp: MOBILE }, { client_id: 'someone@example.in' }]) {
      const token = gateway.issuer.token({ ...claims, record_ids: ['r-1'] })
      expect((await gateway.get('/api/v2/records/r-1', token)).status).toBe(200)
    }
    const lock = { kind: 'lock', scope: { routes: ['facilities'] }, reason: 'x', incident: 'INC-1' }
    for (const words of [
      { reason: `asked for by ${MOBILE}` },
      { incident: 'someone@example.in' },
      { scope: { clients: [MOBILE] } },
    ]) {
      const refused = await gateway.order(signOrder(gateway.people[0]!, { ...lock, ...words }))
      expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('holds what looks like a')])
    }
    const unknown = await gateway.order(signOrder(gateway.people[0]!, { ...lock, scope: { routes: [MOBILE] } }))
    expect([unknown.status, await unknown.text()]).toEqual([400, expect.stringContaining('there is no')])
    expect((await gateway.order(signOrder(gateway.people[0]!, lock))).status).toBe(201)
    writeFileSync(path.join(gateway.home, 'locks.yaml'), `freeze: false\nroutes: { "${MOBILE}": open }\n`)
    expect(await eventually(async () => gateway.log().includes('locks.yaml: routes: there is no'))).toBe(true)
    writeFileSync(
      path.join(gateway.home, 'locks.yaml'),
      `reason: asked for by ${MOBILE}\nincident: INC-2\nroutes: { record.write: deny }\n`,
    )
    expect(
      await eventually(async () => (await fetch(`${gateway.url}/api/v2/records`, { method: 'POST' })).status === 503),
    ).toBe(true)
    await gateway.api('/api/v1/audit/search', {
      method: 'POST',
      body: JSON.stringify({ clients: [MOBILE] }),
      headers: { 'content-type': 'application/json' },
    })
    expect(await gateway.stop()).toBe(0)
    const written = globSync('data/{audit,audit.*}/**', { cwd: gateway.home })
      .map((file) => path.join(gateway.home, file))
      .filter((file) => statSync(file).isFile())
      .map((file) => readFileSync(file, 'latin1'))
    const all = [...written, gateway.log()].join('\n')
    expect(all).toContain('"id":"ours-4711"')
    expect(all).toContain('(left out: it holds what looks like a mobile number)')
    expect(all).toContain('"method":"OTHER"')
    for (const planted of [MOBILE, 'someone@example.in']) expect(all.includes(planted)).toBe(false)
  } finally {
    await gateway.cleanUp()
    await upstream.close()
  }
})
