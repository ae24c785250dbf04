// proxy-behaviours H: what a gateway that asks for a session must not let slip.
import { afterAll, beforeAll, expect } from '@jest/globals'
import { checklist } from '../../support/checklist.ts'
import { startGateway, startRawUpstream, type GatewayProcess, type Upstream } from '../../support/gateway-process.ts'
import { connectRaw, field, problemOf } from '../../support/raw-client.ts'
import { useRig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'

const start = useRig()
const { line, counts } = checklist('proxy-behaviours H, sessions and the control plane')
const SESSION = { level: 'required', bind: [] } as const
const ROUTES = [
  { path: '/open' },
  { path: '/record', methods: ['GET', 'POST'], session: SESSION },
  { id: 'rest', path: '/{rest*}' },
] as const

let upstream: Upstream
let gateway: GatewayProcess
beforeAll(async () => {
  // Answers with the target that was asked for: whose record it is can be told apart.
  upstream = await startRawUpstream((socket, head) => {
    const target = head.slice(head.lastIndexOf('GET ')).split(' ')[1] ?? ''
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`)
  })
  gateway = await startGateway({
    upstreamPort: upstream.port,
    routes: `
  - { id: record, path: "/records/{recordId}", methods: [GET], upstream: registry, session: { level: required, bind: { param.recordId: claim.record_ids } } }
  - { id: metrics, path: /metrics, methods: [GET], upstream: registry, session: none }
`,
  })
})
afterAll(async () => {
  await gateway.cleanUp()
  await upstream.close()
})

line(76, 'a pre-flight skips nothing: no OPTIONS goes on but by a route of its own', async () => {
  const { plane, upstream } = await start({
    routes: [...ROUTES, { id: 'own', path: '/preflight', methods: ['OPTIONS'], session: SESSION }],
  })
  const preflight = { Origin: 'https://a.example', 'Access-Control-Request-Method': 'GET' }
  for (const fields of [{}, preflight, { Origin: 'https://a.example' }]) {
    expect((await plane.ask(request('OPTIONS', '/record', fields))).status).toBe(405)
    expect((await plane.ask(request('OPTIONS', '/preflight', fields))).status).toBe(401)
  }
  expect(upstream.seen).toBe(0)
})

line(77, 'a rule counts for its methods alone: another one on an allowed path is denied', async () => {
  const { plane, upstream } = await start({
    routes: [
      { id: 'read', path: '/item' },
      { id: 'write', path: '/item', methods: ['PUT'], session: SESSION },
      { id: 'rest', path: '/{rest*}', methods: ['GET', 'POST', 'PUT', 'DELETE'] },
    ],
  })
  for (const [method, status] of [
    ['PUT', 401],
    ['POST', 405],
    ['DELETE', 405],
    ['PATCH', 405],
  ] as const) {
    const answer = await plane.ask(request(method, '/item'))
    expect([method, answer.status]).toEqual([method, status])
    if (status === 405) expect(field(answer, 'allow')?.split(', ').sort()).toEqual(['GET', 'HEAD', 'PUT'])
  }
  for (const field of ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])
    expect((await plane.ask(request('POST', '/item?_method=GET', { [field]: 'GET' }))).status).toBe(405)
  expect(upstream.seen).toBe(0)
  expect((await plane.ask(request('GET', '/item'))).status).toBe(200)
})

line(78, 'many first requests of a session at once all hold, and nobody gets another’s record', async () => {
  const ids = Array.from({ length: 10 }, (_each, index) => `r${index}`)
  const tokens = ids.map((id) => gateway.issuer.token({ sub: `citizen-${id}`, sid: id, record_ids: [id] }))
  const ask = async (id: string, token: string) => {
    const client = await connectRaw(gateway.port)
    client.write(request('GET', `/records/${id}`, { Authorization: `Bearer ${token}` }))
    const answer = await client.response()
    client.close()
    return [answer.status, answer.status === 200 ? answer.body.toString() : '']
  }
  // Each session five times at once, all of them new to the gateway, and each asks for its neighbour's record as well.
  const own = ids.flatMap((id, index) => Array.from({ length: 5 }, () => ask(id, tokens[index] ?? '')))
  const others = ids.map((_id, index) => ask(ids[(index + 1) % 10] ?? '', tokens[index] ?? ''))
  expect(await Promise.all(own)).toEqual(ids.flatMap((id) => Array.from({ length: 5 }, () => [200, `/records/${id}`])))
  expect(await Promise.all(others)).toEqual(ids.map(() => [403, '']))
})

line(79, 'every refusal is a problem document, never a redirect, and tells nothing of upstreams', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  for (const fields of [
    {},
    { Accept: 'text/html,application/xhtml+xml', 'User-Agent': 'Mozilla/5.0' },
    { Accept: 'application/json', 'X-Requested-With': 'XMLHttpRequest' },
  ]) {
    const answer = await plane.ask(request('GET', '/record', fields))
    expect([answer.status, field(answer, 'content-type')]).toEqual([401, 'application/problem+json'])
    expect(field(answer, 'location')).toBeUndefined()
    expect(field(answer, 'www-authenticate')).toMatch(/^Bearer /)
    expect(problemOf(answer)).toMatchObject({ status: 401, instance: expect.any(String) })
  }
  plane.lock({ routes: ['record'] }, 'deny', { reason: 'leak in registry', incident: 'INC-77' })
  const texts = []
  for (const target of ['/record', '/open/../record', '//record', '/RECORD'])
    texts.push(
      JSON.stringify(await plane.ask(request('GET', target)).then(({ fields, body }) => [fields, body.toString()])),
    )
  expect(texts.join('\n')).not.toMatch(new RegExp(`registry|INC-77|leak|127\\.0\\.0\\.1|${upstream.port}|rest\\*|src/`))
  expect(upstream.seen).toBe(0)
})

line(80, 'metrics, health and control are not on the data plane, nor hidden by a route of their name', async () => {
  const control = `http://127.0.0.1:${gateway.controlPort}`
  const ask = async (target: string) => {
    const client = await connectRaw(gateway.port)
    client.write(request('GET', target, { Host: `127.0.0.1:${gateway.controlPort}` }))
    const answer = await client.response()
    client.close()
    return [answer.status, answer.body.toString()]
  }
  for (const target of ['/healthz', '/readyz', '/api/v1/status', '/openapi.json', '/docs', '/api/v1/orders'])
    expect([target, (await ask(target))[0]]).toEqual([target, 404])
  expect((await ask(`${control}/healthz`))[0]).toBe(404)
  // The route of that name is the upstream's, the control plane's own is the control plane's.
  expect(await ask('/metrics')).toEqual([200, '/metrics'])
  expect(await (await fetch(`${control}/metrics`)).text()).toContain('portcullis_http_requests_total')
  expect((await fetch(`${control}/records/r1`)).status).toBe(404)
})

counts()
