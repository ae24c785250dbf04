// proxy-behaviours C: the target that was judged is the target that goes on, byte for byte; what has two readings goes nowhere.
import { expect } from '@jest/globals'
import { checklist } from '../../support/checklist.ts'
import { problemsOf, SAMPLE } from '../../config/sample.ts'
import { turns, useRig, type Rig } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'

const start = useRig()
const { line, counts } = checklist('proxy-behaviours C, request targets')
const OPEN = { path: '/open' } as const
/** A guarded path beside a route that takes everything else: the worst case. */
const ROUTES = [
  { id: 'locked', path: '/foo/bar', session: { level: 'required', bind: [] } },
  OPEN,
  { id: 'rest', path: '/{rest*}', methods: ['GET', 'POST', 'OPTIONS'] },
] as const

const words = (text: string): readonly string[] => text.split(' ')

async function refusesAll(
  { plane, upstream }: Rig,
  targets: readonly string[],
  statuses = [400, 401, 404],
): Promise<void> {
  for (const target of targets) {
    const answer = await plane.ask(request('GET', target))
    expect({ target, refused: statuses.includes(answer.status), status: answer.status }).toMatchObject({
      target,
      refused: true,
    })
  }
  await turns()
  expect(upstream.connections.length).toBe(0)
}

async function passesAll({ plane, upstream }: Rig, targets: readonly string[]): Promise<void> {
  for (const target of targets) {
    const answer = await plane.ask(request('GET', target))
    expect({ target, status: answer.status }).toEqual({ target, status: 200 })
    expect(upstream.requests.at(-1)?.head.split('\r\n')[0]).toBe(`GET ${target} HTTP/1.1`)
  }
}

line(21, 'double slashes and encodings arrive as they were judged, or not at all', async () => {
  await refusesAll(await start({ routes: ROUTES }), [
    '//open',
    '/open//a',
    '/a//',
    '/open%2fa',
    '/open%2Fa',
    '/%2e',
    '/a/%2E%2e/b',
    '/%6fpen',
  ])
  await passesAll(await start({ routes: ROUTES }), ['/a%20b', '/%E0%A4%A8', '/a/b/', '/a...b'])
})

line(22, 'traversal is refused in every spelling; dots that are no segment pass', async () => {
  const spellings = [
    '/a/../foo/bar',
    '/..',
    '/a/..',
    '/%2e%2e/foo/bar',
    '/%2E%2E/foo/bar',
    '/..%2ffoo/bar',
    '/%2e%2e%2ffoo/bar',
    '/a/.%2e/b',
    '/./open',
    '/a/.',
    '/..;/foo/bar',
    '/a/..%5cfoo',
    '/..\\foo\\bar',
    '/%252e%252e/foo/bar',
  ]
  await refusesAll(await start({ routes: ROUTES }), spellings)
  await passesAll(await start({ routes: ROUTES }), ['/a...b', '/..a/b', '/a/..b/c', '/v1..2/x'])
})

line(23, '//host/path is a path, and never becomes the upstream’s address', async () => {
  const rig = await start({ routes: ROUTES })
  await refusesAll(rig, [
    '//evil.example/foo',
    '//evil.example:80',
    '///evil.example',
    '//user@evil.example/a',
    '/\\evil.example/a',
    '//127.0.0.1/open',
  ])
})

line(24, 'the query goes on byte for byte, an empty one too, and no fragment does', async () => {
  const queries = [
    '?',
    '?a=1&b=2&a=3',
    '?b&a',
    '?a;b',
    '?a=%2F%2e%2E&b=%41',
    '?q=//x/../y',
    '?a=b?c=d',
    '?+&=&&',
    '?a=%e0%a4',
    "?!$'()*,:@[]",
  ]
  await passesAll(
    await start({ routes: ROUTES }),
    queries.map((query) => `/open${query}`),
  )
  await refusesAll(await start({ routes: ROUTES }), ['/open#a', '/open?a#b', '/open?a=1#'])
})

line(25, 'a query that judges is refused where the upstream could read it otherwise', async () => {
  const source = { in: 'query', name: 'id' } as const
  const rig = await start({
    routes: [{ path: '/record', subjects: [source], session: { level: 'required', bind: [{ source, claim: 'ids' }] } }],
  })
  const { plane, upstream } = rig
  const ask = async (query: string): Promise<number> =>
    (
      await plane.ask(
        request('GET', `/record${query}`, { Authorization: `Bearer ${plane.token({ claims: { ids: ['7'] } })}` }),
      )
    ).status
  for (const query of [
    '?a=1;id=8&id=7',
    '?id=7;id=8',
    '?id=7%3Bid=8',
    '?id=8&id=7',
    '?id=7&id=8',
    '?ID=8&id=7',
    '?id[]=8&id=7',
    '?id=7&i%64=8',
    '?id=%zz',
    '?id=7&id=%',
    '?id=7&x=%f',
  ])
    expect({ query, refused: [400, 403].includes(await ask(query)) }).toEqual({ query, refused: true })
  await turns()
  expect(upstream.seen).toBe(0)
  expect([await ask('?id=7'), await ask('?a=%20&i%64=7')]).toEqual([200, 200])
})

line(26, 'a prefix is whole segments, a path is exact, and GET goes with HEAD alone (as documented)', async () => {
  const { plane, upstream } = await start({ routes: [{ path: '/v2/{rest*}' }, { path: '/exact' }] })
  const statuses = async (method: string, targets: readonly string[]): Promise<readonly number[]> => {
    const all = []
    for (const target of targets) {
      const client = await plane.connect()
      client.write(request(method, target))
      all.push((await client.response({ head: method === 'HEAD' })).status)
    }
    return all
  }
  expect(
    await statuses('GET', [
      '/v2/a',
      '/v2/',
      '/v2',
      '/v2example',
      '/v2example/a',
      '/v',
      '/exact',
      '/exact/',
      '/exact/a',
      '/exac',
    ]),
  ).toEqual([200, 200, 200, 404, 404, 404, 200, 404, 404, 404])
  expect(await statuses('HEAD', ['/exact'])).toEqual([200])
  expect(await statuses('POST', ['/exact', '/v2/a'])).toEqual([405, 405])
  expect(upstream.requests.at(-1)?.method).toBe('HEAD')
})

line(27, 'no prefix is stripped or replaced: there is no such key, and the path goes on as it came', async () => {
  for (const key of ['stripPrefix: /api', 'rewrite: /x', 'prefix: /x'])
    expect(
      problemsOf(SAMPLE.replace('path: /api/facilities', `path: /api/facilities\n    ${key}`)).map(({ path }) => path),
    ).toEqual([`routes[2].${key.split(':')[0]}`])
  expect(
    problemsOf(SAMPLE.replace('url: http://127.0.0.1:9000', 'url: http://127.0.0.1:9000/base')).map(({ path }) => path),
  ).toEqual(['upstreams.registry.url'])
  await passesAll(await start({ routes: [{ path: '/strip-prefix/{rest*}' }] }), [
    '/strip-prefix',
    '/strip-prefix/',
    '/strip-prefix/a%20b',
    '/strip-prefix/strip-prefix/',
  ])
})

line(28, 'what is remembered of one route, caller or field is never taken for that of another', async () => {
  const session = { level: 'required', bind: [] } as const
  const throttle = { requests: { count: 1, periodMs: 60_000 } } as const
  const { plane, upstream } = await start({
    routes: [
      { id: 'a', path: '/1/private', session, throttle },
      { id: 'a1', path: '/private', session, throttle },
      { id: '1', path: '/a/{x}', session, throttle },
      { id: 'guarded', path: '/a1/private', session, throttle, lock: 'open' },
    ],
  })
  plane.lock({ routes: ['guarded'] })
  const [one, two] = [plane.token({ session: 'a', principal: 'a' }), plane.token({ session: 'a1', principal: 'a1' })]
  const ask = async (target: string, token: string): Promise<number> =>
    (await plane.ask(request('GET', target, { Authorization: `Bearer ${token}` }))).status
  // (a, a1) and (a1, a): the same letters in a row, two buckets, two routes, two sessions.
  expect([
    await ask('/1/private', two),
    await ask('/private', one),
    await ask('/1/private', one),
    await ask('/private', two),
  ]).toEqual([200, 200, 200, 200])
  expect([await ask('/1/private', two), await ask('/private', one)]).toEqual([429, 429])
  expect([await ask('/a/1', one), await ask('/a1/private', one), await ask('/a/1', two)]).toEqual([200, 503, 200])
  expect(upstream.requests.map(({ target }) => target)).not.toContain('/a1/private')
})

line(29, 'a bad percent sign, a raw blank and a control byte in the target are 400', async () => {
  await refusesAll(
    await start({ routes: ROUTES }),
    [
      '/%',
      '/%f',
      '/%zz',
      '/%4',
      '/a%',
      '/open?%',
      '/open?a=%f',
      '/a b',
      '/open a',
      '/a\x01b',
      '/a\x7f',
      '/a\x00',
      '/open?\x1b',
      '/a\tb',
      '/\x80',
      '/\xff?a',
    ],
    [400],
  )
})

line(30, 'encoded / \\ NUL ; ? # and % open no second reading', async () => {
  const rig = await start({ routes: ROUTES })
  const ends = words('%2f %5c %00 %3b %3f %23 %2F %5C %3B %3F').map((code) => `/foo/bar${code}`)
  await refusesAll(rig, [
    ...ends,
    ...words('/foo%2fbar /foo%5Cbar /foo%00/bar /foo%3bx/bar /foo/%2562ar /foo%253Bx/bar /foo%252fbar'),
  ])
})

line(31, '# in the raw target matches no route', async () => {
  await refusesAll(
    await start({ routes: [...ROUTES, { id: 'end', path: '/foo/{x}' }] }),
    words('/foo/bar#/open /foo/bar# /#/open /open#/foo/bar /foo/bar%23/open /open?# # /foo/bar/%23'),
  )
})

line(32, 'CONNECT and authority-form are 400: no tunnel, no connection, no name looked up', async () => {
  const { plane, upstream } = await start({ routes: ROUTES })
  const heads = [
    'CONNECT 127.0.0.1:PORT HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n',
    'CONNECT example.invalid:443 HTTP/1.1\r\nHost: example.invalid:443\r\n\r\n',
    'CONNECT 127.0.0.1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
    'CONNECT /open HTTP/1.1\r\nHost: a\r\n\r\n',
    'CONNECT http://a/open HTTP/1.1\r\nHost: a\r\n\r\n',
    'CONNECT :0 HTTP/1.1\r\nHost: a\r\n\r\n',
    'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 5\r\n\r\nhello',
    'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'CONNECT a:443 HTTP/1.0\r\n\r\n',
    'GET 127.0.0.1:PORT HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n',
    'GET example.invalid:443 HTTP/1.1\r\nHost: a\r\n\r\n',
    'OPTIONS example.invalid HTTP/1.1\r\nHost: a\r\n\r\n',
  ].map((head) => head.replaceAll('PORT', String(upstream.port)))
  for (const head of heads) {
    const client = await plane.connect()
    client.write(head)
    const answer = await client.response()
    expect({ head, status: answer.status }).toEqual({ head, status: 400 })
    // What follows a refused CONNECT is neither tunnelled nor a request.
    if (head.startsWith('CONNECT')) {
      client.write(request('GET', '/open'))
      expect(await client.ended).toBe('end')
    }
  }
  await turns()
  expect(upstream.connections.length).toBe(0)
  expect(plane.trail.requests.map(({ decision }) => decision)).toEqual(heads.map(() => 'rejected'))
})

counts()
