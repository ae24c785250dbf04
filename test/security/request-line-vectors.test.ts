// Request lines and fields of our own, over raw sockets: strict to the byte, or exactly one equal request at the upstream.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openVectorRig, type VectorRig } from '../support/raw-vectors.ts'
import { Tally, tryCase, type Verdict } from '../support/raw-verdict.ts'
import { LIMITS } from '../support/start-data-plane.ts'

/** What a parser that knows more than HTTP would route. */
const OTHERS = ['M-SEARCH', 'PRI', 'SOURCE', 'ANNOUNCE', 'PLAY']
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

const tally = new Tally('request lines and fields')
let rig: VectorRig

beforeAll(async () => {
  rig = await openVectorRig({ routes: [{ id: 'all', path: '/{rest*}', methods: [...METHODS, ...OTHERS] }] })
})

afterAll(async () => {
  await rig.close()
  tally.print()
})

type Case = readonly [name: string, bytes: string, as?: string]

function tried(verdict: Verdict, cases: readonly Case[]): void {
  test.each(cases)(`${verdict}: %s`, async (_name, bytes, as = bytes) => {
    const played = Buffer.from(bytes, 'latin1')
    expect(tally.take(await tryCase(rig, played, verdict, Buffer.from(as, 'latin1')))).toEqual([])
  })
}

const H = 'Host: a\r\n\r\n'
const PLAIN = `GET /open HTTP/1.1\r\n${H}`
const get = (fields: string, end = '\r\n'): string => `GET /open HTTP/1.1\r\nHost: a\r\n${fields}${end}`
const chars = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from + 1 }, (_each, index) => String.fromCharCode(from + index))
const named = (char: string): string => `0x${char.charCodeAt(0).toString(16).padStart(2, '0')}`

describe('a version', () => {
  tried('refuse', [
    ['HTTP/0.9, which has none, and a line', 'GET /open\r\n\r\n'],
    ['HTTP/0.9 with a field', `GET /open\r\n${H}`],
    ['HTTP/0.9 by name', `GET /open HTTP/0.9\r\n${H}`],
    ['HTTP/1.2', `GET /open HTTP/1.2\r\n${H}`],
    ['HTTP/1.9', `GET /open HTTP/1.9\r\n${H}`],
    ['HTTP/2.0', `GET /open HTTP/2.0\r\n${H}`],
    ['HTTP/2', `GET /open HTTP/2\r\n${H}`],
    ['HTTP/3.0', `GET /open HTTP/3.0\r\n${H}`],
    ['HTTP/0.0', `GET /open HTTP/0.0\r\n${H}`],
    ['HTTP/1', `GET /open HTTP/1\r\n${H}`],
    ['HTTP/1.', `GET /open HTTP/1.\r\n${H}`],
    ['HTTP/.1', `GET /open HTTP/.1\r\n${H}`],
    ['HTTP/1.10', `GET /open HTTP/1.10\r\n${H}`],
    ['HTTP/01.1', `GET /open HTTP/01.1\r\n${H}`],
    ['HTTP/11.1', `GET /open HTTP/11.1\r\n${H}`],
    ['HTTP/+1.1', `GET /open HTTP/+1.1\r\n${H}`],
    ['HTTP/1,1', `GET /open HTTP/1,1\r\n${H}`],
    ['small letters', `GET /open http/1.1\r\n${H}`],
    ['a space within', `GET /open HTTP/ 1.1\r\n${H}`],
    ['a space behind', `GET /open HTTP/1.1 \r\n${H}`],
    ['a tab behind', `GET /open HTTP/1.1\t\r\n${H}`],
    ['a word behind', `GET /open HTTP/1.1 x\r\n${H}`],
    ['HTTPS', `GET /open HTTPS/1.1\r\n${H}`],
    ['ICE', `GET /open ICE/1.0\r\n${H}`],
    ['ICE, by its own method', `SOURCE /open ICE/1.0\r\n${H}`],
    ['RTSP', `OPTIONS /open RTSP/1.0\r\n${H}`],
    ['RTSP, by its own method', `PLAY /open RTSP/1.0\r\n${H}`],
    ['RTSP, ANNOUNCE', `ANNOUNCE /open RTSP/1.0\r\n${H}`],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['the preface of HTTP/2 and its settings', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00'],
    ['half of the preface', 'PRI * HTTP/2.0\r\n\r\n'],
    ['the preface with a path', 'PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['the preface in HTTP/1.1', 'PRI * HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
    ['the PROXY protocol', `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /open HTTP/1.1\r\n${H}`],
    ['the PROXY protocol, version 2', `\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c0123456789abGET /open HTTP/1.1\r\n${H}`],
  ])
  tried('unfinished', [
    ['HTTP/0.9, which has none', 'GET /open\r\n'],
    ['the first line of the preface', 'PRI * HTTP/2.0\r\n'],
    ['the first word of the preface', 'PRI '],
    ['no end', 'GET /open HTTP/1.'],
  ])
  tried('forward', [
    ['HTTP/1.1', `GET /open HTTP/1.1\r\n${H}`],
    ['HTTP/1.0', `GET /open HTTP/1.0\r\n${H}`],
    ['HTTP/1.0 without a Host', 'GET /open HTTP/1.0\r\n\r\n'],
    ['HTTP/1.0 that asks to be kept alive', `GET /open HTTP/1.0\r\nConnection: keep-alive\r\n${H}`],
  ])
  tried('either', [['PRI with a path, which is a method like others', `PRI /open HTTP/1.1\r\n${H}`]])
})

describe('a method', () => {
  tried('refuse', [
    ['in small letters', `get /open HTTP/1.1\r\n${H}`],
    ['in mixed letters', `Get /open HTTP/1.1\r\n${H}`],
    ['invented', `GIMME /open HTTP/1.1\r\n${H}`],
    ['that begins like one', `GETS /open HTTP/1.1\r\n${H}`],
    ['that ends too soon', `GE /open HTTP/1.1\r\n${H}`],
    ['with each sign of a token', `!#$%&'*+-.^_\`|~ /open HTTP/1.1\r\n${H}`],
    ['of none', ` /open HTTP/1.1\r\n${H}`],
    ['of 9,000 letters', `${'A'.repeat(9_000)} /open HTTP/1.1\r\n${H}`],
    ['with a space in front', ` GET /open HTTP/1.1\r\n${H}`],
    ['with a tab behind', `GET\t/open HTTP/1.1\r\n${H}`],
    ['with NUL behind', `GET\x00 /open HTTP/1.1\r\n${H}`],
    ['with a form feed behind', `GET\x0c/open HTTP/1.1\r\n${H}`],
    ['with a byte beyond ASCII', `GET\xa0 /open HTTP/1.1\r\n${H}`],
    ['in quotes', `"GET" /open HTTP/1.1\r\n${H}`],
    ['with a colon', `GET: /open HTTP/1.1\r\n${H}`],
    ['CONNECT, authority-form', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'],
    ['CONNECT, origin-form', `CONNECT /open HTTP/1.1\r\n${H}`],
    ['CONNECT, no port', `CONNECT a HTTP/1.1\r\n${H}`],
    ['CONNECT, HTTP/1.0', 'CONNECT a:443 HTTP/1.0\r\n\r\n'],
    ['TRACE, which no route allows', `TRACE /open HTTP/1.1\r\n${H}`],
    ['TRACK, which no route allows', `TRACK /open HTTP/1.1\r\n${H}`],
  ])
  tried(
    'forward',
    METHODS.map((method) => [method, `${method} /open HTTP/1.1\r\n${H}`] as const),
  )
})

describe('a target', () => {
  tried('refuse', [
    ['*, but for OPTIONS', `GET * HTTP/1.1\r\n${H}`],
    ['*, by POST with a body', 'POST * HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}'],
    ['*, by OPTIONS: no route, no lock and no session goes by it', `OPTIONS * HTTP/1.1\r\n${H}`],
    ['* and more', `OPTIONS *?a HTTP/1.1\r\n${H}`],
    ['two *', `OPTIONS ** HTTP/1.1\r\n${H}`],
    ['/*/.., by OPTIONS', `OPTIONS /*/.. HTTP/1.1\r\n${H}`],
    ['authority-form', `GET a:80 HTTP/1.1\r\n${H}`],
    ['no slash in front', `GET open HTTP/1.1\r\n${H}`],
    ['a query alone', `GET ?a HTTP/1.1\r\n${H}`],
    ['none', `GET HTTP/1.1\r\n${H}`],
    ['none between two spaces', `GET  HTTP/1.1\r\n${H}`],
    ['a space within', `GET /open /other HTTP/1.1\r\n${H}`],
    ['a tab within', `GET /open\t/other HTTP/1.1\r\n${H}`],
    ['a version within', `GET /open HTTP/1.1 HTTP/1.1\r\n${H}`],
    ['absolute-form of another host', `GET http://b/open HTTP/1.1\r\n${H}`],
    ['absolute-form with user information', `GET http://u@a/open HTTP/1.1\r\n${H}`],
    ['absolute-form of no host', `GET http:///open HTTP/1.1\r\n${H}`],
    ['another scheme', `GET ftp://a/open HTTP/1.1\r\n${H}`],
    ['a scheme and no slashes', `GET http:a/open HTTP/1.1\r\n${H}`],
    ['a fragment', `GET /open#a HTTP/1.1\r\n${H}`],
    ['9,000 bytes', `GET /${'a'.repeat(9_000)} HTTP/1.1\r\n${H}`],
    ['more than the whole head may have', `GET /${'a'.repeat(LIMITS.headerBytesMax)} HTTP/1.1\r\n${H}`],
    ...[...chars(0, 0x1f), '\x7f', '\x80', '\xff'].map(
      (char) => [`the byte ${named(char)}`, `GET /op${char}en HTTP/1.1\r\n${H}`] as const,
    ),
    ...[...chars(0, 0x1f), '\x7f', '\x80', '\xff'].map(
      (char) => [`the byte ${named(char)} in the query`, `GET /open?a${char}b HTTP/1.1\r\n${H}`] as const,
    ),
  ])
  tried('either', [['two spaces in front (RFC 9112, 3: may be taken)', `GET  /open HTTP/1.1\r\n${H}`, PLAIN]])
  tried('forward', [
    ['a path of 8,000 bytes', `GET /${'a'.repeat(8_000)} HTTP/1.1\r\n${H}`],
    ['absolute-form of this host', `GET http://a/open?b HTTP/1.1\r\n${H}`],
    [
      'a query of every printable byte',
      `GET /open?${chars(0x21, 0x7e).join('').replace(/[#%]/g, '')} HTTP/1.1\r\n${H}`,
    ],
  ])
})

describe('an end of line', () => {
  tried('refuse', [
    ['bare LF behind the request line', `GET /open HTTP/1.1\n${H}`],
    ['bare LF throughout', 'GET /open HTTP/1.1\nHost: a\n\n'],
    ['bare LF behind a field', get('X-A: b\nX-B: c\r\n')],
    ['bare LF at the end of the head', get('X-A: b\r\n', '\n')],
    ['bare LF behind the last field', get('X-A: b\n')],
    ['bare LF in front of the request line', `\nGET /open HTTP/1.1\r\n${H}`],
    ['bare CR behind the request line', `GET /open HTTP/1.1\r${H}`],
    ['bare CR behind a field', get('X-A: b\rX-B: c\r\n')],
    ['bare CR at the end of a field', get('X-A: b\r\r\n')],
    ['bare CR at the end of the head', get('X-A: b\r\n', '\r\r\n')],
    ['bare CR in front of the request line', `\rGET /open HTTP/1.1\r\n${H}`],
    ['LF and CR', get('X-A: b\n\rX-B: c\r\n')],
    ['NUL in front of the request line', `\x00GET /open HTTP/1.1\r\n${H}`],
    ['the next line of Unicode', get('X-A: b\x85X-B: c\r\n', '\x85\r\n\r\n')],
    ['20,000 bytes of empty lines in front', `${'\r\n'.repeat(10_000)}GET /open HTTP/1.1\r\n${H}`],
  ])
  tried('either', [
    ['two empty lines in front', `\r\n\r\n${PLAIN}`, PLAIN],
    ['twenty empty lines in front', `${'\r\n'.repeat(20)}${PLAIN}`, PLAIN],
  ])
  tried('forward', [['one empty line in front (RFC 9112, 2.2)', `\r\nGET /open HTTP/1.1\r\n${H}`]])
})

describe('a field', () => {
  const DELIMITERS = [...'"(),/:;<=>?@[\\]{} \t'].filter((char) => char !== ':')
  tried('refuse', [
    ['without a name', get(': b\r\n')],
    ['of a colon alone', get(':\r\n')],
    ['without a colon', get('X-A\r\n')],
    ['of a space alone', get(' \r\n')],
    ['a space before the colon', get('X-A : b\r\n')],
    ['a tab before the colon', get('X-A\t: b\r\n')],
    ['a space in front of the first name', `GET /open HTTP/1.1\r\n Host: a\r\n\r\n`],
    ['a tab in front of the first name', `GET /open HTTP/1.1\r\n\tHost: a\r\n\r\n`],
    ['folded by a space', get('X-A: b\r\n c\r\n')],
    ['folded by a tab', get('X-A: b\r\n\tc\r\n')],
    ['folded to nothing', get('X-A: b\r\n \r\n')],
    ['folded at once', get('X-A:\r\n b\r\n')],
    ['folded Host', 'GET /open HTTP/1.1\r\nHost:\r\n a\r\n\r\n'],
    ['101 of them', get(Array.from({ length: 100 }, (_each, index) => `X-${index}: a\r\n`).join(''))],
    ['a value of 20,000 bytes', get(`X-A: ${'b'.repeat(20_000)}\r\n`)],
    ['a name of 20,000 bytes', get(`${'a'.repeat(20_000)}: b\r\n`)],
    ...[...chars(0, 0x1f), ...DELIMITERS, '\x7f', '\x80', '\xff'].map(
      (char) => [`the byte ${named(char)} in its name`, get(`X-${char}A: b\r\n`)] as const,
    ),
    ...[...chars(0, 0x1f).filter((char) => char !== '\t'), '\x7f'].map(
      (char) => [`the byte ${named(char)} in its value`, get(`X-A: b${char}c\r\n`)] as const,
    ),
    ...['\x00', '\x01', '\x0b', '\x0c', '\x1f', '\x7f'].flatMap((char) => [
      [`the byte ${named(char)} in front of its value`, get(`X-A:${char}b\r\n`)] as const,
      [`the byte ${named(char)} behind its value`, get(`X-A: b${char}\r\n`)] as const,
    ]),
  ])
  tried('forward', [
    ['100 of them', get(Array.from({ length: 99 }, (_each, index) => `X-${index}: a\r\n`).join(''))],
    ['of no value', get('X-A:\r\n')],
    ['of blanks', get('X-A: \t \r\n')],
    ['blanks around its value', get('X-A: \t b \t\r\n')],
    ['no blank before its value', get('X-A:b\r\n')],
    ['a tab within its value', get('X-A: b\tc\r\n')],
    ['colons in its value', get('X-A: b: c:\r\n')],
    ['bytes beyond ASCII in its value', get(`X-A: b${chars(0x80, 0xff).join('')}c\r\n`)],
    ['each sign of a token in its name', get("X-!#$%&'*+-.^_`|~09AZaz: b\r\n")],
    ['the same name twice, in order', get('X-A: b\r\nx-a: c\r\nX-A: d\r\n')],
    ['a value of 8,000 bytes', get(`X-A: ${'b'.repeat(8_000)}\r\n`)],
    ['a Content-Length by another name', get('Content_Length: 5\r\n')],
    ['a Transfer-Encoding by another name', get('Transfer_Encoding: chunked\r\n')],
    ['names of an object’s own', get('__proto__: a\r\nconstructor: b\r\ntoString: c\r\nhasOwnProperty: d\r\n')],
  ])
})

describe('Host', () => {
  const host = (lines: string, version = '1.1'): string => `GET /open HTTP/${version}\r\n${lines}\r\n`
  tried('refuse', [
    ['is missing', host('X-A: b\r\n')],
    ['comes twice', host('Host: a\r\nHost: b\r\n')],
    ['comes twice, the same', host('Host: a\r\nHost: a\r\n')],
    ['comes twice, in other letters', host('Host: a\r\nX-A: b\r\nHOST: a\r\n')],
    ['comes twice, once empty', host('Host: a\r\nHost:\r\n')],
    ['comes twice in HTTP/1.0', host('Host: a\r\nHost: b\r\n', '1.0')],
    ['is a list', host('Host: a, b\r\n')],
    ['is empty', host('Host:\r\n')],
    ['has user information', host('Host: u@a\r\n')],
    ['has a path', host('Host: a/b\r\n')],
    ['has a query', host('Host: a?b\r\n')],
    ['has a fragment', host('Host: a#b\r\n')],
    ['has a scheme', host('Host: http://a\r\n')],
    ['has a space', host('Host: a b\r\n')],
    ['has a tab', host('Host: a\tb\r\n')],
    ['has a port that is none', host('Host: a:b\r\n')],
    ['has a port with a sign', host('Host: a:+80\r\n')],
    ['has a port too high', host('Host: a:65536\r\n')],
    ['has two ports', host('Host: a:80:80\r\n')],
    ['has a port alone', host('Host: :80\r\n')],
    ['has bytes beyond ASCII', host('Host: \xc3\xa4\r\n')],
    ['has an escape that is none', host('Host: a%\r\n')],
    ['is an address of IPv6 without brackets', host('Host: ::1\r\n')],
    ['is an address of IPv6 without an end', host('Host: [::1\r\n')],
    ['is an address of IPv6 that is none', host('Host: [:::1]\r\n')],
    ['is in quotes', host('Host: "a"\r\n')],
    ['has a backslash', host('Host: a\\b\r\n')],
    ['is invalid in HTTP/1.0', host('Host: a b\r\n', '1.0')],
  ])
  tried('forward', [
    ['has a port', host('Host: a:65535\r\n')],
    ['has a colon and no port', host('Host: a:\r\n')],
    ['is an address of IPv4', host('Host: 127.0.0.1:80\r\n')],
    ['is an address of IPv6', host('Host: [2001:db8::1]:80\r\n')],
    ['has capital letters', host('HOST: A.Example\r\n')],
    ['has an underscore', host('Host: a_b\r\n')],
    ['has blanks around it', host('Host:\t a \t\r\n')],
  ])
})
