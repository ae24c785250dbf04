// Whose record it is, read by two layers: what the gateway judges by is all that an upstream could read there.
import { describe, expect, test } from '@jest/globals'
import { useRig } from '../support/rig.ts'
import { request, type DataPlane } from '../support/start-data-plane.ts'

const start = useRig()
const owned = (source: 'query' | 'header', name: string) =>
  ({
    path: '/record',
    subjects: [{ in: source, name }],
    session: { level: 'required', bind: [{ source: { in: source, name }, claim: 'ids' }] },
  }) as const
const as = (plane: DataPlane): string => `Authorization: Bearer ${plane.token({ claims: { ids: ['7', '9'] } })}\r\n`

describe('a query parameter', () => {
  test.each([
    ['is owned', '?id=7', 200],
    ['is owned, beside others', '?a=1&id=7&b=', 200],
    ['is owned, encoded', '?i%64=%37', 200],
    ['is owned, twice', '?id=7&id=9', 200],
    ['is not owned', '?id=8', 403],
    ['is missing', '?a=1', 403],
    ['is repeated, and one is not owned', '?id=7&id=8', 403],
    ['is repeated the other way', '?id=8&id=7', 403],
    ['hides behind a semicolon', '?x=1;id=8&id=7', 400],
    ['hides behind an encoded semicolon', '?x=1%3Bid=8&id=7', 400],
    ['is meant in capitals', '?ID=8&id=7', 400],
    ['is meant as a list', '?id[]=8&id=7', 400],
    ['is meant as a list, encoded', '?id%5B0%5D=8&id=7', 400],
    ['is meant with a blank in front', '?%20id=8&id=7', 400],
    ['is meant in wide letters', '?%EF%BD%89d=8&id=7', 400],
    ['ends at NUL', '?id%00x=8&id=7', 400],
  ])('%s (%s): %i', async (_name, query, status) => {
    const { plane, upstream } = await start({ routes: [owned('query', 'id')] })
    expect((await plane.ask(`GET /record${query} HTTP/1.1\r\nHost: a\r\n${as(plane)}\r\n`)).status).toBe(status)
    expect(upstream.requests.map(({ target }) => target)).toEqual(status === 200 ? [`/record${query}`] : [])
  })

  test('whose name has a blank or a dot for an underscore is refused', async () => {
    const { plane } = await start({ routes: [owned('query', 'person_id')] })
    for (const name of ['person.id', 'person%20id', 'person+id']) {
      expect(
        (await plane.ask(`GET /record?${name}=8&person_id=7 HTTP/1.1\r\nHost: a\r\n${as(plane)}\r\n`)).status,
      ).toBe(400)
    }
  })

  test('may be spelled as it likes where the route reads none', async () => {
    const { plane } = await start({ routes: [{ path: '/record' }] })
    expect((await plane.ask(request('GET', '/record?a;b=1&ID=8&id[]=9'))).status).toBe(200)
  })
})

describe('a field', () => {
  test.each([
    ['is owned', 'X-Record: 7\r\n', 200],
    ['is missing', '', 403],
    ['is not owned', 'X-Record: 8\r\n', 403],
    ['is repeated', 'X-Record: 7\r\nX-Record: 8\r\n', 403],
    ['is a list', 'X-Record: 7, 8\r\n', 403],
    ['is joined by one with an underscore (CVE-2026-39858)', 'X-Record: 7\r\nX_Record: 8\r\n', 403],
    ['would not reach the upstream', 'X-Record: 7\r\nConnection: x-record\r\n', 403],
  ])('%s: %s', async (_name, lines, status) => {
    const { plane, upstream } = await start({ routes: [owned('header', 'X-Record')] })
    expect((await plane.ask(`GET /record HTTP/1.1\r\nHost: a\r\n${as(plane)}${lines}\r\n`)).status).toBe(status)
    expect(upstream.requests.length).toBe(status === 200 ? 1 : 0)
  })

  test('of which Node keeps the first is read whole', async () => {
    const { plane } = await start({ routes: [owned('header', 'From')] })
    expect((await plane.ask(`GET /record HTTP/1.1\r\nHost: a\r\n${as(plane)}From: 7\r\nFrom: 8\r\n\r\n`)).status).toBe(
      403,
    )
  })
})

describe('people', () => {
  const ROUTE = { path: '/record', subjects: [{ in: 'query', name: 'id' }] } as const

  test('are all recorded, and a lock on one of many holds', async () => {
    const { plane, upstream } = await start({ routes: [ROUTE] })
    const query = Array.from({ length: 64 }, (_each, index) => `id=${index}`).join('&')
    expect((await plane.ask(request('GET', `/record?${query}`))).status).toBe(200)
    const subjects = plane.trail.requests[0]?.subjects ?? []
    expect(new Set(subjects).size).toBe(64)
    plane.lock({ subjects: [subjects[63] ?? ''] })
    expect((await plane.ask(request('GET', `/record?${query}`))).status).toBe(503)
    expect(upstream.requests.length).toBe(1)
  })

  test('are refused where they are more than can be recorded', async () => {
    const { plane, upstream } = await start({ routes: [ROUTE] })
    const query = Array.from({ length: 65 }, (_each, index) => `id=${index}`).join('&')
    expect((await plane.ask(request('GET', `/record?${query}`))).status).toBe(400)
    expect(upstream.connections.length).toBe(0)
  })

  test('are not asked for under a lock', async () => {
    const { plane } = await start({ routes: [ROUTE] })
    plane.lock({ all: true })
    expect((await plane.ask(request('GET', '/record?x;y'))).status).toBe(503)
  })
})
