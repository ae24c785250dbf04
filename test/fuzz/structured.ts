// Requests made by a grammar that knows where the traps are: paths, framing, fields, pipelines, and where the bytes are cut.
import fc from 'fast-check'
import { cutAt, type FuzzCase } from './case.ts'

export interface Facts {
  readonly marker: string
  /** A session that the gateway takes. */
  readonly token: string
}

const METHODS = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom('GET', 'POST', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('TRACE', 'CONNECT', 'get', 'PRI', 'GE T', 'PROPFIND', '', 'G\0ET', 'M-SEARCH'),
  },
)

const BASES = fc.constantFrom(
  '/open',
  '/open',
  '/open/deeper/down',
  '/strict',
  '/catalogue/1',
  '/vault/gold',
  '/vault',
  '/sealed/keys',
  '/api/v2/records/7',
  '/api/v2/records',
  '/',
)

/** One change of a path that some layer takes back. The number says where, as a share of its length. */
const CHANGES: readonly ((path: string, at: number) => string)[] = [
  (path, at) => escapeAt(path, at, 1),
  (path, at) => escapeAt(path, at, 2),
  (path, at) => escapeAt(path, at, 3),
  (path, at) => path.slice(0, at) + path.slice(at).toUpperCase(),
  (path, at) => insert(path, at, ';a=b'),
  (path, at) => insert(path, at, ';'),
  (path) => `${path};jsessionid=1`,
  (path) => `${path}.`,
  (path) => `${path}%20`,
  (path) => `${path}/`,
  (path) => `${path}%2e%2e`,
  (path) => `${path}.json`,
  (path) => `/open/..${path}`,
  (path) => `/open/..;${path}`,
  (path) => `/open%2f..${path}`,
  (path) => `/open/%2e%2e${path}`,
  (path) => `/open/.%252e${path}`,
  (path) => `/open\\..${path}`,
  (path) => `/./${path.slice(1)}`,
  (path) => `/${path}`,
  (path, at) => insert(path, at, '//'),
  (path, at) => insert(path, at, '%2f'),
  (path, at) => insert(path, at, '%5c'),
  (path, at) => insert(path, at, '\\'),
  (path, at) => insert(path, at, '%00'),
  (path, at) => insert(path, at, '%0d%0a'),
  (path, at) => insert(path, at, '%c0%af'),
  (path, at) => insert(path, at, '%ef%bc%8f'),
  (path, at) => insert(path, at, '%e2%80%8b'),
  (path, at) => insert(path, at, '%'),
  (path, at) => insert(path, at, '%u002f'),
  (path, at) => insert(path, at, '#'),
  (path, at) => insert(path, at, '%23'),
  (path, at) => insert(path, at, '%3f'),
  (path, at) => insert(path, at, '\xe9'),
  (path, at) => insert(path, at, '\t'),
  (path, at) => insert(path, at, ' '),
  (path) => path.replace('a', '%ef%bd%81'),
  (path) => path.replace('e', '%d0%b5'),
  (path) => `http://api.example.in${path}`,
  (path) => `http://other.example${path}`,
  (path) => `HTTP://API.example.in${path}`,
  (path) => `http:${path}`,
  (path) => path.slice(1),
  () => '*',
  () => 'api.example.in:443',
  (path) => `${path}?next=${path}/../x&a=%2f;b`,
  (path) => `${path}?`,
  (path) => `${path}?a=\x7f`,
]

function insert(text: string, at: number, what: string): string {
  return text.slice(0, at) + what + text.slice(at)
}

function escapeAt(path: string, at: number, depth: number): string {
  const code = path
    .charCodeAt(Math.min(at, path.length - 1))
    .toString(16)
    .padStart(2, '0')
  return `${path.slice(0, at)}%${'25'.repeat(depth - 1)}${code}${path.slice(at + 1)}`
}

const TARGETS = fc
  .tuple(
    BASES,
    fc.oneof(
      { weight: 3, arbitrary: fc.constant<[number, number][]>([]) },
      {
        weight: 2,
        arbitrary: fc.array(fc.tuple(fc.nat(CHANGES.length - 1), fc.nat(999)), { minLength: 1, maxLength: 2 }),
      },
    ),
    fc.constantFrom('', '', '?a=1&b=2', '?q=%20;x'),
  )
  .map(
    ([base, changes, query]) =>
      changes.reduce<string>(
        (path, [which, at]) => CHANGES[which]?.(path, Math.floor((at * path.length) / 1000)) ?? path,
        base,
      ) + query,
  )

const PLAIN_FIELDS = fc.constantFrom(
  'Accept: */*',
  'Accept-Encoding: gzip',
  'User-Agent: fuzz/1',
  'Cookie: a=b; c=d',
  'Connection: keep-alive',
  'X-Empty:',
  'X-Blanks: \t a  b \t',
  'X-Text: \xe9\xff',
  'X-Long: ' + 'a'.repeat(3_000),
)

const TRAPS = fc.constantFrom(
  'X-Original-URL: /vault/gold',
  'X-Rewrite-URL: /vault/gold',
  'X_Original_URL: /vault/gold',
  'X-HTTP-Method-Override: DELETE',
  'X-Forwarded-For: 127.0.0.1',
  'X-Forwarded-Prefix: /vault',
  'Forwarded: for=127.0.0.1;host=admin',
  'X-Request-Id: request-00000000000001',
  'x_request_id: request-00000000000001',
  'traceparent: 00-11111111111111111111111111111111-2222222222222222-01',
  'Connection: close',
  'Connection: X-Request-Id, X-Forwarded-For',
  'Connection: Content-Length',
  'Connection: Transfer-Encoding',
  'Connection: Host',
  'Connection: Upgrade\r\nUpgrade: websocket',
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA',
  'Upgrade: websocket',
  'Keep-Alive: timeout=5',
  'Proxy-Connection: close',
  'TE: trailers',
  'Trailer: X-Marker',
  'Expect: 100-continue',
  'Expect: 200-ok',
  'Host: api.example.in',
  'Host: other.example',
  'Host : x',
  ' X-Folded: a',
  'X-A: b\r\n folded',
  'X-A: b\r\n\tContent-Length: 50',
  'X-A: b\nX-B: c',
  'X-A: b\rX-B: c',
  'X-A: b\0c',
  'X-A: b\x01c',
  'X-\x01A: b',
  'X A: b',
  ': b',
  'nonsense',
  '\xe9: b',
  'Content-Length : 5',
  'Content_Length: 5',
  'Transfer_Encoding: chunked',
  'Content-Length: 0\nX-A: b',
  'Range: bytes=0-1',
  'Authorization: Basic YTpi',
)

/** Bodies are bait: whoever loses count by one byte finds a request for what is locked. */
const HIDDEN = 'GET /vault/gold HTTP/1.1\r\nHost: a\r\nX-Request-Id: request-00000000000001\r\n\r\n'
const BODIES = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.constantFrom('{}', 'a=b', '\r\n', '0\r\n\r\n', `0\r\n\r\n${HIDDEN}`, HIDDEN, `\r\n${HIDDEN}`, ''),
  },
  { weight: 20, arbitrary: fc.string({ maxLength: 40 }) },
  // More than is read at once.
  { weight: 1, arbitrary: fc.constant('x'.repeat(70_000)) },
)

interface Framing {
  readonly fields: readonly string[]
  readonly bytes: string
}

const PROPER: readonly ((body: string, size: number) => Framing)[] = [
  (body) => ({ fields: [`Content-Length: ${body.length}`], bytes: body }),
  (body) => ({ fields: [`content-length:${body.length}`], bytes: body }),
  (body, size) => ({ fields: ['Transfer-Encoding: chunked'], bytes: chunked(body, size, '', '') }),
  (body, size) => ({ fields: ['Transfer-Encoding: Chunked'], bytes: chunked(body, size, ';a="b"', '') }),
  (body, size) => ({
    fields: ['Transfer-Encoding: chunked'],
    bytes: chunked(body, size, '', 'X-Marker: trailer\r\nContent-Length: 9\r\n'),
  }),
  (body) => ({ fields: [`Content-Length: 000${body.length}`], bytes: body }),
]

const IMPROPER: readonly ((body: string, size: number) => Framing)[] = [
  (body) => ({ fields: [`Content-Length: ${body.length + 1}`], bytes: body }),
  (body) => ({ fields: [`Content-Length: ${Math.max(0, body.length - 1)}`], bytes: body }),
  (body) => ({ fields: ['Content-Length: 0'], bytes: body }),
  (body) => ({ fields: [], bytes: body }),
  ...['+', '-', '0x', ' ', '\t', '1 ', '1,', '\x0b'].map((sign) => (body: string) => ({
    fields: [`Content-Length: ${sign}${body.length}`],
    bytes: body,
  })),
  ...[' 0', ', 0', ',', ' ', ';', '.0', 'e0', '\0'].map((tail) => (body: string) => ({
    fields: [`Content-Length: ${body.length}${tail}`],
    bytes: body,
  })),
  (body) => ({ fields: [`Content-Length: ${body.length}, ${body.length}`], bytes: body }),
  (body) => ({ fields: [`Content-Length: ${body.length}`, `Content-Length: ${body.length}`], bytes: body }),
  (body) => ({ fields: ['Content-Length: 0', `Content-Length: ${body.length}`], bytes: body }),
  (body) => ({ fields: [`Content-Length: ${2n ** 64n + BigInt(body.length)}`], bytes: body }),
  (body) => ({ fields: [`Content-Length: ${2 ** 32 + body.length}`], bytes: body }),
  (body, size) => ({
    fields: [`Content-Length: ${body.length}`, 'Transfer-Encoding: chunked'],
    bytes: chunked(body, size, '', ''),
  }),
  (body, size) => ({ fields: ['Transfer-Encoding: chunked', 'Content-Length: 5'], bytes: chunked(body, size, '', '') }),
  ...[
    'Transfer-Encoding : chunked',
    'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: identity',
    'Transfer-Encoding:',
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding: chunked;q=1',
    'Transfer-Encoding: "chunked"',
    'Transfer-Encoding: \x0bchunked',
    'Transfer-Encoding: chunked\x00',
    'Transfer-Encoding:\r\n chunked',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
    'Transfer-Encoding: ,chunked',
    'Transfer\x00-Encoding: chunked',
    'X: y\nTransfer-Encoding: chunked',
    'X: y\rTransfer-Encoding: chunked',
  ].map((field) => (body: string, size: number) => ({ fields: [field], bytes: chunked(body, size, '', '') })),
  ...['0x', '+', '-', ' ', '00000000000000000000', '\t', '\n'].map((sign) => (body: string) => ({
    fields: ['Transfer-Encoding: chunked'],
    bytes: `${sign}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  })),
  ...[' ', ';', ';a\n', ';a=\0', '\t', 'g', ' 0', ';a\r', '\n'].map((tail) => (body: string) => ({
    fields: ['Transfer-Encoding: chunked'],
    bytes: `${body.length.toString(16)}${tail}\r\n${body}\r\n0\r\n\r\n`,
  })),
  ...['\n', '', '\r', 'xx\r\n', '\r\r\n', '\n\n'].map((end) => (body: string) => ({
    fields: ['Transfer-Encoding: chunked'],
    bytes: `${body.length.toString(16)}\r\n${body}${end}0\r\n\r\n`,
  })),
  ...[
    '0\r\n',
    '0\n\n',
    '0\r\nX: a\n\r\n',
    '0\r\n X: a\r\n\r\n',
    '0\r\nnonsense\r\n\r\n',
    '0\r\n\r\r\n',
    '00000\r\n\r\n',
    '-0\r\n\r\n',
    'ffffffffffffffff\r\n',
    '',
  ].map((last) => (body: string) => ({
    fields: ['Transfer-Encoding: chunked'],
    bytes: `${body.length.toString(16)}\r\n${body}\r\n${last}`,
  })),
]

function chunked(body: string, size: number, extension: string, trailers: string): string {
  let bytes = ''
  for (let at = 0; at < body.length; at += size) {
    const piece = body.slice(at, at + size)
    bytes += `${piece.length.toString(16)}${extension}\r\n${piece}\r\n`
  }
  return `${bytes}0\r\n${trailers}\r\n`
}

const FRAMINGS = fc
  .tuple(
    BODIES,
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...PROPER) },
      { weight: 1, arbitrary: fc.constantFrom(...IMPROPER) },
    ),
    fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(8_000)),
  )
  // A body of some size in chunks of one byte is a case of its own length alone.
  .map(([body, frame, size]) => frame(body, body.length > 1_000 ? 8_000 : size))
const NO_BODY: Framing = { fields: [], bytes: '' }

const REQUESTS = fc.record({
  method: METHODS,
  target: TARGETS,
  version: fc.oneof(
    { weight: 40, arbitrary: fc.constant('HTTP/1.1') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'HTTP/1.0',
        'HTTP/1.0',
        'HTTP/2.0',
        'HTTP/1.2',
        'http/1.1',
        'HTTP/0.9',
        'HTTP/1.1 ',
        '',
        'HTTP/1.1\t',
        'HTTP/11',
      ),
    },
  ),
  host: fc.oneof(
    { weight: 40, arbitrary: fc.constant('Host: api.example.in') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'host:API.example.in',
        'Host: api.example.in:80',
        'Host:',
        'Host: a, b',
        'Host: x@api.example.in',
        'X-No-Host: 1',
        'Host: a/vault',
      ),
    },
  ),
  plain: fc.array(PLAIN_FIELDS, { maxLength: 2 }),
  trap: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: TRAPS }),
  framing: fc.option(FRAMINGS, { freq: 2, nil: NO_BODY }),
  session: fc.constantFrom('', '', 'good', 'good', 'bad'),
  shuffle: fc.nat(7),
  lines: fc.oneof(
    { weight: 60, arbitrary: fc.constant(' ') },
    { weight: 1, arbitrary: fc.constantFrom('  ', '\t', ' \t', '\x0b', '\r ') },
  ),
})

type Request = typeof REQUESTS extends fc.Arbitrary<infer T> ? T : never

function write(request: Request, facts: Facts, index: number): string {
  const { method, target, version, host, plain, trap, framing, session, shuffle, lines } = request
  const fields = [host, ...plain, `X-Marker: ${facts.marker}-${index}`, ...framing.fields]
  if (session !== '') fields.push(`Authorization: Bearer ${session === 'good' ? facts.token : 'token-0'}`)
  if (trap !== null) fields.splice(shuffle % (fields.length + 1), 0, trap)
  if (shuffle > 5) fields.reverse()
  return `${method}${lines}${target}${lines}${version}\r\n${fields.join('\r\n')}\r\n\r\n${framing.bytes}`
}

const CONVERSATIONS = fc.record({
  requests: fc.array(REQUESTS, { minLength: 1, maxLength: 4 }),
  between: fc.oneof(
    { weight: 24, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.constantFrom('\r\n', '\n', '\r', '\0', 'x', '\r\n\r\n') },
  ),
  cuts: fc.array(fc.nat(600), { maxLength: 5 }),
  byByte: fc.nat(19),
  manner: fc.oneof(
    { weight: 10, arbitrary: fc.constant('patient' as const) },
    { weight: 1, arbitrary: fc.constantFrom('hasty' as const, 'gone' as const) },
  ),
})

/** One conversation of one caller: the same seed gives the same bytes. */
export function structuredCase(seed: number, facts: Facts): FuzzCase {
  const [conversation] = fc.sample(CONVERSATIONS, { seed, numRuns: 1 })
  if (conversation === undefined) throw new Error('fast-check gave no sample')
  const { requests, between, cuts, byByte, manner } = conversation
  const bytes = Buffer.from(requests.map((request, index) => write(request, facts, index)).join(between), 'latin1')
  // Now and then each byte in a turn of its own: a parser has then been stopped at each of its states.
  const every = byByte === 0 && bytes.length < 700 ? Array.from({ length: bytes.length }, (_, at) => at) : cuts
  return { seed, kind: 'structured', pieces: cutAt(bytes, every), marker: facts.marker, manner }
}
