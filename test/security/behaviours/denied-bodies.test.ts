// proxy-behaviours D, 41 to 43: a refused request's body is never the next request, and no 100 goes ahead of a refusal.
import { expect } from '@jest/globals'
import { checklist, responsesIn } from '../../support/checklist.ts'
import { connectRaw, field } from '../../support/raw-client.ts'
import { fieldsOf } from '../../support/raw-upstream.ts'
import { turns, useRig, type Rig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'

const start = useRig()
const { line, counts } = checklist('proxy-behaviours D, bodies of refused requests')
const METHODS = ['GET', 'POST'] as const
const ROUTES = [
  { path: '/open', methods: METHODS },
  { path: '/locked', methods: METHODS },
  { path: '/session', methods: METHODS, session: { level: 'required', bind: [] } },
  { path: '/limited', methods: METHODS, throttle: { requests: { count: 1, periodMs: 60_000 } } },
  { path: '/get' },
] as const
const HIDDEN = 'GET /open HTTP/1.1\r\nHost: a\r\n\r\n'

/** Each way to be refused, with the status that it has. */
const REFUSALS = [
  ['/locked', 503],
  ['/session', 401],
  ['/limited', 429],
  ['/nowhere', 404],
  ['/get', 405],
  ['/open/../open', 400],
] as const

async function startRefusing(): Promise<Rig & { readonly seen: number }> {
  const rig = await start({ routes: ROUTES })
  await rig.plane.ask(request('GET', '/limited'))
  rig.plane.lock({ routes: ['locked'] })
  return { ...rig, seen: rig.upstream.seen }
}

/** Writes to a refused target, and what follows the refusal is nothing, at the caller and at the upstream. */
async function refusesAlone(rig: Rig & { readonly seen: number }, bytes: string, status: number): Promise<void> {
  const client = await connectRaw(rig.plane.port, true)
  client.write(bytes)
  const answer = await client.response()
  expect({ bytes, status: answer.status, connection: field(answer, 'connection') }).toEqual({
    bytes,
    status,
    connection: 'close',
  })
  client.write(HIDDEN)
  await client.ended
  await turns()
  expect({ bytes, responses: responsesIn(client.received), seen: rig.upstream.seen }).toEqual({
    bytes,
    responses: 1,
    seen: rig.seen,
  })
  client.close()
}

line(41, 'a refusal with a body behind it ends the connection: what follows is no request', async () => {
  const rig = await startRefusing()
  for (const [target, status] of REFUSALS) {
    const head = `POST ${target} HTTP/1.1\r\nHost: a\r\n`
    await refusesAlone(rig, `${head}Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}${HIDDEN}`, status)
    await refusesAlone(rig, `${head}Content-Length: 44\r\n\r\n`, status)
    await refusesAlone(
      rig,
      `${head}Transfer-Encoding: chunked\r\n\r\n${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n${HIDDEN}`,
      status,
    )
    await refusesAlone(rig, `${head}Transfer-Encoding: chunked\r\n\r\n`, status)
  }
  await refusesAlone(rig, `POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n${HIDDEN}`, 413)
})

line(42, '100-continue gets its 100 or the final status, nothing in HTTP/1.0; any other Expect is 417', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  for (const value of ['100-continue', '100-CONTINUE', '100-Continue']) {
    const client = await plane.connect()
    client.write(request('POST', '/open', { Expect: value, 'Content-Length': '4' }))
    expect((await client.response()).status).toBe(100)
    client.write('four')
    expect((await client.response()).status).toBe(200)
  }
  // A caller that does not wait for it hangs no less and gets no more than one final answer.
  const eager = await plane.connect()
  eager.write(request('POST', '/open', { Expect: '100-continue', 'Content-Length': '4' }, 'four'))
  const first = await eager.response()
  if (first.status === 100) expect((await eager.response()).status).toBe(200)
  else expect(first.status).toBe(200)
  const old = await plane.ask('POST /open HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nfour')
  expect(old.status).toBe(200)
  const before = upstream.seen
  for (const value of ['tea', '100-continue, tea', '200-ok'])
    expect((await plane.ask(request('POST', '/open', { Expect: value, 'Content-Length': '4' }, 'four'))).status).toBe(
      417,
    )
  expect(upstream.seen).toBe(before)
  for (const seen of upstream.requests) expect([fieldsOf(seen, 'expect'), seen.body.toString()]).toEqual([[], 'four'])
})

line(43, 'a refusal comes without a 100, and the unsent body leaves the connection in no doubt', async () => {
  const rig = await startRefusing()
  for (const [target, status] of REFUSALS) {
    const head = `POST ${target} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n`
    // The first answer is the refusal itself. The caller then sends no body, but the next request (0.CL).
    await refusesAlone(rig, `${head}Content-Length: ${HIDDEN.length}\r\n\r\n`, status)
    await refusesAlone(rig, `${head}Content-Length: 44\r\n\r\n${HIDDEN}`, status)
    await refusesAlone(rig, `${head}Transfer-Encoding: chunked\r\n\r\n`, status)
  }
  await refusesAlone(
    rig,
    'POST /open HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n',
    413,
  )
})

counts()
