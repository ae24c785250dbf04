// Conversations of a caller, taken apart at random: what the grammar of structured.ts would never think of.
import { cutAt, type FuzzCase } from './case.ts'
import { createDice } from './dice.ts'
import { mutate } from './mutations.ts'
import type { Facts } from './structured.ts'

const HIDDEN = 'GET /vault/gold HTTP/1.1\r\nHost: a\r\n\r\n'

/** Well-formed ones, `@` standing for the marker and `$` for a token. */
const CORPUS: readonly string[] = [
  'GET /open HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\n\r\n',
  'GET /open?a=1&b=%20 HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\nAccept: */*\r\nCookie: a=b\r\n\r\n',
  'HEAD /catalogue/1 HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\n\r\n',
  'GET http://api.example.in/open HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\n\r\n',
  'GET /open HTTP/1.0\r\nHost: api.example.in\r\nConnection: keep-alive\r\nX-Marker: @\r\n\r\n',
  'OPTIONS /open HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\nConnection: close\r\n\r\n',
  'GET /vault/gold HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\n\r\n',
  'GET /sealed/keys HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\n\r\n',
  'GET /api/v2/records/7 HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\n\r\n',
  'GET /api/v2/records/7 HTTP/1.1\r\nHost: api.example.in\r\nAuthorization: Bearer $\r\nX-Marker: @\r\n\r\n',
  'POST /open HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\nContent-Length: 5\r\n\r\nhello',
  'POST /strict HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\nContent-Length: 0\r\n\r\n',
  'PUT /strict HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n',
  'POST /open HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\na\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n',
  'POST /open HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}',
  `POST /open HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  `DELETE /open HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\nTransfer-Encoding: chunked\r\n\r\n${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
  'GET /open HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: @\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
]

const WORDS: readonly string[] = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  '\r\n\r\n',
  '\n\n',
  ' ',
  '\t',
  '0\r\n\r\n',
  '\r\n0\r\n\r\n',
  'Content-Length: 0\r\n',
  'Content-Length: 44\r\n',
  'Content-Length: 5\r\nContent-Length: 6\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'transfer-encoding:chunked\n',
  'Transfer-Encoding : chunked\r\n',
  ' chunked\r\n',
  'Host: b\r\n',
  'Connection: close\r\n',
  'Connection: X-Marker\r\n',
  'X-Request-Id: request-00000000000001\r\n',
  'X-Original-URL: /vault/gold\r\n',
  HIDDEN,
  `0\r\n\r\n${HIDDEN}`,
  'HTTP/1.1',
  ' HTTP/1.1\r\nHost: a\r\n\r\nGET /vault/gold HTTP/1.1',
  'HTTP/1.0',
  'http://api.example.in',
  '/vault/gold',
  '/sealed/keys',
  '/../',
  '%2e%2e',
  '%2f',
  '%00',
  '%0d%0a',
  '//',
  ';',
  '?',
  '#',
  '\\',
]

export function mutatedCase(seed: number, facts: Facts): FuzzCase {
  const dice = createDice(seed)
  const corpus = CORPUS.map((text) =>
    Buffer.from(text.replaceAll('@', facts.marker).replaceAll('$', facts.token), 'latin1'),
  )
  const several = Array.from({ length: 1 + dice.below(3) }, () => dice.pick(corpus))
  const bytes = mutate(Buffer.concat(several), dice, corpus, WORDS)
  const places = Array.from({ length: dice.below(4) }, () => dice.below(bytes.length))
  const manner = dice.chance(1, 12) ? dice.pick(['hasty', 'gone'] as const) : 'patient'
  return { seed, kind: 'bytes', pieces: cutAt(bytes, places), marker: facts.marker, manner }
}
