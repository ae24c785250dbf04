// Hostile upstreams, 1: heads that are none. The caller gets 502 or 504 (or an abort), nobody gets a byte of them.
import { expect, test } from '@jest/globals'
import { useRig } from '../../support/rig.ts'
import { endure, MARK, POISON, type Ending } from './hostile.ts'

const start = useRig()
const BODY = `Content-Length: ${MARK.length}\r\n\r\n${MARK}`
const of = (statusLine: string, ending = '\r\n'): string => `${statusLine}${ending}${BODY}`
const withLine = (line: string): string => `HTTP/1.1 200 OK\r\n${line}\r\n${BODY}`

const STATUS_LINES: readonly (readonly [name: string, bytes: string])[] = [
  ['HTTP/2.0', of('HTTP/2.0 200 OK')],
  ['HTTP/2', of('HTTP/2 200')],
  ['HTTP/0.9', of('HTTP/0.9 200 OK')],
  ['HTTP/1.10', of('HTTP/1.10 200 OK')],
  ['HTTP/11', of('HTTP/11 200 OK')],
  ['HTTP/1.', of('HTTP/1. 200 OK')],
  ['http in small letters', of('http/1.1 200 OK')],
  ['another protocol', of('ICY 200 OK')],
  ['RTSP', of('RTSP/1.0 200 OK')],
  ['no status line but a page', `<html>${MARK}</html>\r\n\r\n`],
  ['a TLS alert', `\x15\x03\x03\x00\x02\x02\x46${MARK}`],
  ['a frame of HTTP/2', `\x00\x00\x12\x04\x00\x00\x00\x00\x00${MARK}`],
  ['a blank in front', of(' HTTP/1.1 200 OK')],
  ['two blanks', of('HTTP/1.1  200 OK')],
  ['a tab for a blank', of('HTTP/1.1\t200 OK')],
  ['no blank', of('HTTP/1.1200 OK')],
  ['no status', of('HTTP/1.1')],
  ['a status of letters', of('HTTP/1.1 abc OK')],
  ['a status of two digits', of('HTTP/1.1 20 OK')],
  ['a status of four digits', of('HTTP/1.1 2000 OK')],
  ['a status with a zero in front', of('HTTP/1.1 0200 OK')],
  ['status 000', of('HTTP/1.1 000 OK')],
  ['status 099', of('HTTP/1.1 099 OK')],
  ['a negative status', of('HTTP/1.1 -20 OK')],
  ['a hexadecimal status', of('HTTP/1.1 0xC OK')],
  ['no blank behind the status', of('HTTP/1.1 200OK')],
  ['NUL in the reason', of('HTTP/1.1 200 O\0K')],
  ['a control byte in the reason', of('HTTP/1.1 200 O\x07K')],
  ['a bare CR in the reason', of('HTTP/1.1 200 OK\rX-A: b')],
  ['a bare LF behind it', of('HTTP/1.1 200 OK', '\n')],
  ['a bare CR behind it', of('HTTP/1.1 200 OK', '\r')],
  ['a request in place of an answer', `GET /${MARK} HTTP/1.1\r\nHost: a\r\n\r\n`],
]

const FIELDS: readonly (readonly [name: string, bytes: string])[] = [
  ['a line without a colon', withLine('nonsense')],
  ['an empty name', withLine(': x')],
  ['a blank before the colon', withLine('X-A : x')],
  ['a tab before the colon', withLine('X-A\t: x')],
  ['a blank in a name', withLine('X A: x')],
  ['a first line that is folded', withLine(' X-A: x')],
  ['a folded value', withLine('X-A: x\r\n y')],
  ['a value folded by a tab', withLine('X-A: x\r\n\ty')],
  ['a folded Content-Length', `HTTP/1.1 200 OK\r\nContent-Length:\r\n 6\r\n\r\n${MARK}`],
  ['NUL in a value', withLine('X-A: a\0b')],
  ['NUL in a name', withLine('X\0A: b')],
  ['a control byte in a value', withLine('X-A: a\x08b')],
  ['DEL in a value', withLine('X-A: a\x7fb')],
  ['a bare CR in a value', withLine('X-A: a\rX-B: b')],
  ['a bare LF in a value', withLine('X-A: a\nX-B: b')],
  ['a bare LF at the end of the head', `HTTP/1.1 200 OK\r\nContent-Length: 6\n\n${MARK}`],
  ['a bare CR at the end of the head', `HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r${MARK}`],
  ['beyond ASCII in a name', withLine('X\xe9: b')],
  ['two Content-Lengths that differ', withLine('Content-Length: 7')],
  ['two Content-Lengths that agree', withLine('content-length: 6')],
  ['a list of Content-Lengths', `HTTP/1.1 200 OK\r\nContent-Length: 6, 6\r\n\r\n${MARK}`],
  [
    'both framings',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n6\r\n${MARK}\r\n0\r\n\r\n`,
  ],
  ['both framings, the length first', withLine('Transfer-Encoding: chunked')],
  ['chunked in HTTP/1.0', `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n${MARK}\r\n0\r\n\r\n`],
  ['chunked twice', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n6\r\n${MARK}\r\n0\r\n\r\n`],
  ['an unknown coding', `HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n6\r\n${MARK}\r\n0\r\n\r\n`],
  [
    'a coding with a control byte',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\n6\r\n${MARK}\r\n0\r\n\r\n`,
  ],
]

const SIZES: readonly (readonly [name: string, bytes: string])[] = [
  ['one field of 100 KB', withLine(`X-A: ${'a'.repeat(100_000)}`)],
  ['a name of 100 KB', withLine(`${'N'.repeat(100_000)}: a`)],
  ['20,000 fields', withLine('X-A: a\r\n'.repeat(20_000).slice(0, -2))],
  ['a reason of 100 KB', of(`HTTP/1.1 200 ${'a'.repeat(100_000)}`)],
  ['a status line of 10 MB without an end', 'HTTP/1.1 200 '.padEnd(10_000_000, 'a')],
  ['fields of 10 MB without an end', `HTTP/1.1 200 OK\r\n${'X-A: a\r\n'.repeat(1_250_000)}`],
]

const TRUNCATED: readonly (readonly [name: string, bytes: string, ending: Ending])[] = (
  [
    ['nothing', ''],
    ['half a status line', 'HTTP/1.1 2'],
    ['a status line', 'HTTP/1.1 200 OK\r\n'],
    ['half a field', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['a head without its empty line', `HTTP/1.1 200 OK\r\nContent-Length: 6\r\n`],
    ['an interim answer', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'],
  ] as const
).flatMap(([name, bytes]) =>
  (['stay', 'end', 'reset'] as const).map((ending) => [`${name}, and then ${ending}`, bytes, ending] as const),
)

let held = 0
const CASES = [...STATUS_LINES, ...FIELDS, ...SIZES, ...TRUNCATED] as readonly (readonly [string, string, Ending?])[]

test.each(CASES)('%s: 502, 504 or an abort', async (_name, bytes, ending = 'stay') => {
  const outcome = await endure(start, { bytes, ending })
  if (outcome !== 'aborted') expect([502, 504]).toContain(outcome.answered.status)
  held += 1
})

test('a head that comes byte by byte for ever: 504 in its time', async () => {
  const { plane, upstream } = await start(
    { routes: [{ path: '/open' }], pool: { connectionsMax: 1, headersTimeoutMs: 250 } },
    (_seen, { socket }) => {
      const bytes = `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(400)}\r\n${BODY}`
      let at = 0
      const drip = (): void => {
        if (socket.destroyed || at === bytes.length) return
        socket.write(bytes.charAt(at++))
        setTimeout(drip, 10)
      }
      drip()
      return undefined
    },
  )
  const answer = await plane.ask('GET /open HTTP/1.1\r\nHost: a\r\n\r\n')
  expect([502, 504]).toContain(answer.status)
  await upstream.connections[0]?.closed
  upstream.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nclean'
  expect((await plane.ask('GET /open HTTP/1.1\r\nHost: a\r\n\r\n')).body.toString()).toBe('clean')
  held += 1
})

test('a whole answer behind a broken one is nobody’s', async () => {
  for (const broken of ['nonsense\r\n\r\n', 'HTTP/1.1 abc\r\n\r\n', '\0', 'HTTP/2.0 200 OK\r\n\r\n']) {
    const outcome = await endure(start, { bytes: `${broken}${POISON}` })
    if (outcome !== 'aborted') expect([502, 504]).toContain(outcome.answered.status)
  }
  held += 1
})

test('counts', () => {
  console.info(`hostile upstreams, heads: ${CASES.length + 2} cases, ${held} held`)
})
