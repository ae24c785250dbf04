// Chunks, their extensions and trailers of our own, over raw sockets: read in one way, or never a whole request at the upstream.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openVectorRig, type VectorRig } from '../support/raw-vectors.ts'
import { Tally, tryCase, type Verdict } from '../support/raw-verdict.ts'

const tally = new Tally('chunks')
let rig: VectorRig

beforeAll(async () => {
  rig = await openVectorRig({
    routes: [{ id: 'all', path: '/{rest*}', methods: ['GET', 'POST'] }],
  })
})

afterAll(async () => {
  await rig.close()
  tally.print()
})

type Case = readonly [name: string, bytes: string]

function tried(verdict: Verdict, cases: readonly Case[], frame: (inner: string) => string): void {
  test.each(cases)(`${verdict}: %s`, async (_name, inner) => {
    expect(tally.take(await tryCase(rig, Buffer.from(frame(inner), 'latin1'), verdict))).toEqual([])
  })
}

const POST = 'POST /open HTTP/1.1\r\nHost: a\r\n'
const chunked = (body: string): string => `${POST}Transfer-Encoding: chunked\r\n\r\n${body}`

describe('a chunk', () => {
  const CASES: readonly Case[] = [
    ['0x in front of its size', '0x2\r\n{}\r\n0\r\n\r\n'],
    ['a plus', '+2\r\n{}\r\n0\r\n\r\n'],
    ['a minus', '-2\r\n{}\r\n0\r\n\r\n'],
    ['a space in front of its size', ' 2\r\n{}\r\n0\r\n\r\n'],
    ['a tab in front of its size', '\t2\r\n{}\r\n0\r\n\r\n'],
    ['a space behind its size', '2 \r\n{}\r\n0\r\n\r\n'],
    ['a tab behind its size', '2\t\r\n{}\r\n0\r\n\r\n'],
    ['a space within its size', '0 2\r\n{}\r\n0\r\n\r\n'],
    ['an underscore', '0_2\r\n{}\r\n0\r\n\r\n'],
    ['an h behind', '2h\r\n{}\r\n0\r\n\r\n'],
    ['a g', 'g\r\n{}\r\n0\r\n\r\n'],
    ['a fraction', '2.0\r\n{}\r\n0\r\n\r\n'],
    ['no size', '\r\n{}\r\n0\r\n\r\n'],
    ['no size and an extension', ';a=b\r\n{}\r\n0\r\n\r\n'],
    ['a size in quotes', '"2"\r\n{}\r\n0\r\n\r\n'],
    ['a digit of another script', '\xd9\xa2\r\n{}\r\n0\r\n\r\n'],
    ['past 2^63', '8000000000000002\r\n{}\r\n0\r\n\r\n'],
    ['past 2^64, two when it wraps', '10000000000000002\r\n{}\r\n0\r\n\r\n'],
    ['sixteen f', 'ffffffffffffffff\r\n{}\r\n0\r\n\r\n'],
    ['past 2^53', '20000000000002\r\n{}\r\n0\r\n\r\n'],
    ['a thousand f', `${'f'.repeat(1_000)}\r\n{}\r\n0\r\n\r\n`],
    ['bare LF behind its size', '2\n{}\r\n0\r\n\r\n'],
    ['bare CR behind its size', '2\r{}\r\n0\r\n\r\n'],
    ['two CR behind its size', '2\r\r\n{}\r\n0\r\n\r\n'],
    ['bare LF behind its data', '2\r\n{}\n0\r\n\r\n'],
    ['bare CR behind its data', '2\r\n{}\r0\r\n\r\n'],
    ['nothing behind its data', '2\r\n{}0\r\n\r\n'],
    ['two ends of line behind its data', '2\r\n{}\r\n\r\n0\r\n\r\n'],
    ['data longer than its size', '2\r\n{}}\r\n0\r\n\r\n'],
    ['data shorter than its size', '3\r\n{}\r\n0\r\n\r\n'],
    ['bare LF behind the last size', '2\r\n{}\r\n0\n\r\n'],
    ['bare LF at the end', '2\r\n{}\r\n0\r\n\n'],
    ['bare CR at the end', '2\r\n{}\r\n0\r\n\rX'],
    ['something behind the last size', '2\r\n{}\r\n0x\r\n\r\n'],
    ['a minus at the last size', '2\r\n{}\r\n-0\r\n\r\n'],
    ['NUL in its size', '2\x00\r\n{}\r\n0\r\n\r\n'],
  ]
  tried('refuse', CASES, chunked)
  tried(
    'forward',
    [
      ['plain', '2\r\n{}\r\n0\r\n\r\n'],
      ['zeros in front of its size', '0002\r\n{}\r\n0\r\n\r\n'],
      ['many zeros at the end', '2\r\n{}\r\n00000\r\n\r\n'],
      ['capital letters', 'A\r\n0123456789\r\n0\r\n\r\n'],
      ['small letters', 'a\r\n0123456789\r\n0\r\n\r\n'],
      ['two digits', '10\r\n0123456789abcdef\r\n0\r\n\r\n'],
      ['many of them', `${'1\r\nx\r\n'.repeat(200)}0\r\n\r\n`],
      ['none of them', '0\r\n\r\n'],
      ['data that looks like chunks', 'c\r\n2\r\n{}\r\n0\r\n\r\n\r\n0\r\n\r\n'],
      ['data that looks like a request', '1c\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n'],
      [
        'every byte',
        `100\r\n${Array.from({ length: 256 }, (_each, code) => String.fromCharCode(code)).join('')}\r\n0\r\n\r\n`,
      ],
    ],
    chunked,
  )
  tried('either', [['twenty zeros in front of its size', `${'0'.repeat(20)}2\r\n{}\r\n0\r\n\r\n`]], chunked)
  tried('break', [['of more than a body may have', `f4241\r\n${'x'.repeat(1_000_001)}\r\n0\r\n\r\n`]], chunked)
})

describe('a chunk extension', () => {
  const inFirst = (extension: string): string => chunked(`2${extension}\r\n{}\r\n0\r\n\r\n`)
  const inLast = (extension: string): string => chunked(`2\r\n{}\r\n0${extension}\r\n\r\n`)
  const BAD: readonly Case[] = [
    ['none behind the semicolon', ';'],
    ['bare LF (Kestrel CVE-2025-55315)', ';\n'],
    ['bare LF behind its name', ';a\n'],
    ['bare LF within', ';a=b\nc'],
    ['bare CR within', ';a=b\rc'],
    ['bare CR and a chunk', ';a\r2'],
    ['NUL', ';a\x00'],
    ['a control', ';a\x01'],
    ['a byte beyond ASCII in its name', ';\xe4'],
    ['no name', ';=b'],
    ['no value', ';a='],
    ['two semicolons', ';;a'],
    ['a space in its name', ';a b'],
    ['a comma', ',a'],
    ['no semicolon', ' a'],
    ['quotes that do not end', ';a="b'],
    ['bare LF in quotes', ';a="b\nc"'],
    ['CRLF in quotes', ';a="b\r\nc"'],
    ['a control in quotes', ';a="b\x01c"'],
    ['an escaped LF in quotes', ';a="b\\\nc"'],
    ['something behind the quotes', ';a="b"c'],
    ['quotes in its name', ';"a"=b'],
  ]
  tried('refuse', BAD, inFirst)
  tried(
    'refuse',
    BAD.map(([name, extension]) => [`${name}, at the end`, extension]),
    inLast,
  )
  const LONG = 100_000
  tried('break', [['of 100 KB', `;a=${'b'.repeat(LONG)}`]], inFirst)
  tried('break', [['of 100 KB, at the end', `;a=${'b'.repeat(LONG)}`]], inLast)
  tried('break', [['of 100 KB in quotes', `;a="${'b'.repeat(LONG)}"`]], inFirst)
  tried(
    'break',
    // What Go's CVE-2023-39326 let pass: each is short, and all of them are most of what is sent.
    [['of 200 bytes on each of 1,000 chunks', `2;a=${'b'.repeat(200)}\r\n{}\r\n`.repeat(1_000)]],
    (chunks) => chunked(`${chunks}0\r\n\r\n`),
  )
  const GOOD: readonly Case[] = [
    ['a name', ';a'],
    ['a name and a value', ';a=b'],
    ['many', ';a=b;c;d=e'],
    ['a value in quotes', ';a="b c"'],
    ['escapes in quotes', ';a="b\\"c\\\\"'],
    ['a semicolon and a tab in quotes', ';a="b;\tc"'],
    ['bytes beyond ASCII in quotes', ';a="\xe4"'],
    ['nothing in quotes', ';a=""'],
  ]
  tried('forward', GOOD, inFirst)
  tried(
    'forward',
    GOOD.map(([name, extension]) => [`${name}, at the end`, extension]),
    inLast,
  )
  // BWS is to be taken, and not to be sent (RFC 9110, 5.6.3); llhttp refuses it.
  tried(
    'either',
    [
      ['blanks around it', ' ; a = b'],
      ['a blank before it', ' ;a'],
      ['a tab within it', ';a\t=\tb'],
    ],
    inFirst,
  )
})

describe('a trailer', () => {
  const trailed = (lines: string): string => chunked(`2\r\n{}\r\n0\r\n${lines}\r\n`)
  const BAD: readonly Case[] = [
    ['without a colon', 'nonsense\r\n'],
    ['without a name', ': b\r\n'],
    ['a space before the colon', 'X-A : b\r\n'],
    ['folded', 'X-A: b\r\n c\r\n'],
    ['a blank in front', ' X-A: b\r\n'],
    ['bare LF', 'X-A: b\nX-B: c\r\n'],
    ['bare LF at its end', 'X-A: b\n'],
    ['bare CR', 'X-A: b\rX-B: c\r\n'],
    ['NUL in its value', 'X-A: b\x00c\r\n'],
    ['a control in its name', 'X-\x01A: b\r\n'],
    ['a form feed in its value', 'X-A: b\x0cc\r\n'],
  ]
  tried('refuse', BAD, trailed)
  tried(
    'break',
    [
      ['Content-Length', 'Content-Length: 2\r\n'],
      ['Content-Length in other letters', 'X-A: b\r\ncontent-LENGTH: 9\r\n'],
      ['Transfer-Encoding', 'Transfer-Encoding: chunked\r\n'],
      ['of 100 KB', `X-A: ${'b'.repeat(100_000)}\r\n`],
      ['one of 2,000', Array.from({ length: 2_000 }, (_each, index) => `X-${index}: a\r\n`).join('')],
    ],
    trailed,
  )
  // Dropped or refused, and never a field of the request that was judged without it.
  const FORBIDDEN = [
    'Host: b',
    'Authorization: Bearer a',
    'Connection: close',
    'Trailer: X-A',
    'X-Forwarded-For: 10.0.0.1',
  ]
  tried(
    'either',
    FORBIDDEN.map((line) => [line, `${line}\r\n`]),
    trailed,
  )
  tried(
    'forward',
    [
      ['one, and it is dropped', 'X-A: b\r\n'],
      ['of no value', 'X-A:\r\n'],
      ['two of one name', 'X-A: b\r\nX-A: c\r\n'],
      ['bytes beyond ASCII', 'X-A: \xe4\r\n'],
      ['thirty of them', Array.from({ length: 30 }, (_each, index) => `X-${index}: a\r\n`).join('')],
    ],
    trailed,
  )
})
