// Content-Length and Transfer-Encoding of our own, over raw sockets: framed in one way, or nothing at the upstream.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openVectorRig, type VectorRig } from '../support/raw-vectors.ts'
import { Tally, tryCase, type Verdict } from '../support/raw-verdict.ts'

const tally = new Tally('framing')
let rig: VectorRig

beforeAll(async () => {
  rig = await openVectorRig({
    routes: [{ id: 'all', path: '/{rest*}', methods: ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'] }],
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

describe('Content-Length', () => {
  const withFive = (fields: string): string => `${POST}${fields}\r\n\r\nhello`
  const CASES: readonly Case[] = [
    ['twice, the same', 'Content-Length: 5\r\nContent-Length: 5'],
    ['twice, in other letters', 'Content-Length: 5\r\nX-A: b\r\ncontent-LENGTH: 5'],
    ['twice, another', 'Content-Length: 5\r\nContent-Length: 6'],
    ['twice, none first', 'Content-Length: 0\r\nContent-Length: 5'],
    ['twice, once empty', 'Content-Length: 5\r\nContent-Length:'],
    ['a list of the same', 'Content-Length: 5, 5'],
    ['a list of the same without a blank', 'Content-Length: 5,5'],
    ['a list of others', 'Content-Length: 5, 6'],
    ['a list with nothing behind', 'Content-Length: 5,'],
    ['a list with nothing in front', 'Content-Length: ,5'],
    ['a plus', 'Content-Length: +5'],
    ['a minus', 'Content-Length: -5'],
    ['minus nothing', 'Content-Length: -0'],
    ['hexadecimal', 'Content-Length: 0x5'],
    ['octal', 'Content-Length: 0o5'],
    ['a letter', 'Content-Length: a'],
    ['letters behind', 'Content-Length: 5a'],
    ['a semicolon behind', 'Content-Length: 5;'],
    ['a fraction', 'Content-Length: 5.0'],
    ['an exponent', 'Content-Length: 5e0'],
    ['an underscore', 'Content-Length: 0_5'],
    ['a space within', 'Content-Length: 0 5'],
    ['a tab within', 'Content-Length: 0\t5'],
    ['in quotes', 'Content-Length: "5"'],
    ['empty', 'Content-Length:'],
    ['blanks', 'Content-Length: \t '],
    ['digits of another script', 'Content-Length: \xd9\xa5'],
    ['a superscript', 'Content-Length: \xb2'],
    ['a vertical tab in front', 'Content-Length: \x0b5'],
    ['a form feed behind', 'Content-Length: 5\x0c'],
    ['a space of another kind behind', 'Content-Length: 5\xa0'],
    ['NUL behind', 'Content-Length: 5\x00'],
    ['a space before the colon', 'Content-Length : 5'],
    ['a bare LF behind', 'Content-Length: 5\nX-A: b'],
    ['folded', 'Content-Length:\r\n 5'],
    ['folded within', 'Content-Length: 5\r\n 5'],
    ['past 2^31', 'Content-Length: 2147483653'],
    ['past 2^32', 'Content-Length: 4294967301'],
    ['past 2^53', 'Content-Length: 9007199254740997'],
    ['past 2^63', 'Content-Length: 9223372036854775813'],
    ['past 2^64, five when it wraps', 'Content-Length: 18446744073709551621'],
    ['a thousand digits', `Content-Length: ${'9'.repeat(1_000)}`],
    ['more than a body may have', 'Content-Length: 1000001'],
    ['infinite', 'Content-Length: Infinity'],
  ]
  tried('refuse', CASES, withFive)
  tried(
    'forward',
    [
      ['plain', 'Content-Length: 5'],
      ['in small letters', 'content-length: 5'],
      ['blanks around it', 'Content-Length:  5 '],
      ['tabs around it', 'Content-Length:\t5\t'],
      ['no blank before it', 'Content-Length:5'],
      ['zeros in front', 'Content-Length: 0005'],
      ['nominated by Connection', 'Content-Length: 5\r\nConnection: content-length'],
      ['an empty Content-Encoding beside it', 'Content-Length: 5\r\nContent-Encoding:'],
    ],
    withFive,
  )
  tried('either', [['fifty zeros in front', `Content-Length: ${'0'.repeat(50)}5`]], withFive)

  const methods = ['GET', 'DELETE', 'OPTIONS', 'PUT'].map((method) => [method, method] as const)
  tried('forward', methods, (method) => `${method} /open HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`)
  tried(
    'forward',
    [
      ['0', '0'],
      ['00', '00'],
    ],
    (zero) => `${POST}Content-Length: ${zero}\r\n\r\n`,
  )
  tried('forward', [['HTTP/1.0', '1.0']], (v) => `POST /open HTTP/${v}\r\nContent-Length: 5\r\n\r\nhello`)
})

describe('Transfer-Encoding', () => {
  const withChunks = (fields: string): string => `${POST}${fields}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`
  const CASES: readonly Case[] = [
    ['and Content-Length', 'Transfer-Encoding: chunked\r\nContent-Length: 5'],
    ['and Content-Length in front', 'Content-Length: 5\r\nTransfer-Encoding: chunked'],
    ['and Content-Length 0', 'Content-Length: 0\r\nTransfer-Encoding: chunked'],
    [
      'and Content-Length, nominated by Connection',
      'Connection: content-length\r\nContent-Length: 5\r\nTransfer-Encoding: chunked',
    ],
    [
      'nominated by Connection, and Content-Length',
      'Connection: transfer-encoding\r\nContent-Length: 5\r\nTransfer-Encoding: chunked',
    ],
    ['empty, and Content-Length', 'Content-Length: 5\r\nTransfer-Encoding:'],
    ['blank, and Content-Length', 'Transfer-Encoding: \t \r\nContent-Length: 5'],
    [
      'empty three times, and Content-Length',
      'Content-Length: 5\r\nTransfer-Encoding:\r\nTransfer-Encoding:\r\nTransfer-Encoding:',
    ],
    ['empty', 'Transfer-Encoding:'],
    ['empty and chunked', 'Transfer-Encoding:\r\nTransfer-Encoding: chunked'],
    ['chunked, chunked', 'Transfer-Encoding: chunked, chunked'],
    ['chunked,chunked', 'Transfer-Encoding: chunked,chunked'],
    ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'],
    ['chunked, twice in other letters', 'Transfer-Encoding: chunked\r\ntransfer-encoding: CHUNKED'],
    ['chunked with a comma', 'Transfer-Encoding: chunked,'],
    ['chunked with a comma in front', 'Transfer-Encoding: ,chunked'],
    ['identity', 'Transfer-Encoding: identity'],
    ['identity, and Content-Length', 'Content-Length: 5\r\nTransfer-Encoding: identity'],
    ['identity, chunked', 'Transfer-Encoding: identity, chunked'],
    ['chunked, identity', 'Transfer-Encoding: chunked, identity'],
    ['gzip, chunked', 'Transfer-Encoding: gzip, chunked'],
    ['chunked, gzip', 'Transfer-Encoding: chunked, gzip'],
    ['gzip and chunked', 'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked'],
    ['chunked and gzip', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip'],
    ['gzip', 'Transfer-Encoding: gzip'],
    ['xchunked', 'Transfer-Encoding: xchunked'],
    ['chunkedx', 'Transfer-Encoding: chunkedx'],
    ['chunked with a parameter', 'Transfer-Encoding: chunked;q=1'],
    ['chunked with a semicolon', 'Transfer-Encoding: chunked;'],
    ['chunked in quotes', 'Transfer-Encoding: "chunked"'],
    ['chunked in single quotes', "Transfer-Encoding: 'chunked'"],
    ['chunked with a space within', 'Transfer-Encoding: chun ked'],
    ['chunked with a tab within', 'Transfer-Encoding: chun\tked'],
    ['a word behind chunked', 'Transfer-Encoding: chunked x'],
    ['a word in front of chunked', 'Transfer-Encoding: x chunked'],
    ['a vertical tab in front', 'Transfer-Encoding: \x0bchunked'],
    ['a form feed in front', 'Transfer-Encoding:\x0cchunked'],
    ['a vertical tab behind', 'Transfer-Encoding: chunked\x0b'],
    ['NUL behind', 'Transfer-Encoding: chunked\x00'],
    ['a space of another kind in front', 'Transfer-Encoding: \xa0chunked'],
    ['a letter that folds to k', 'Transfer-Encoding: chun\xe2\x84\xaaed'],
    ['a space before the colon', 'Transfer-Encoding : chunked'],
    ['a tab before the colon', 'Transfer-Encoding\t: chunked'],
    ['a bare LF in front', 'X-A: b\nTransfer-Encoding: chunked'],
    ['a bare CR in front', 'X-A: b\rTransfer-Encoding: chunked'],
    ['folded', 'Transfer-Encoding:\r\n chunked'],
    ['folded behind', 'Transfer-Encoding: chunked\r\n , identity'],
  ]
  tried('refuse', CASES, withChunks)
  tried(
    'refuse',
    [
      ['in HTTP/1.0', ''],
      ['in HTTP/1.0 that is kept alive', 'Connection: keep-alive\r\n'],
      ['in HTTP/1.0 with a Content-Length', 'Content-Length: 5\r\n'],
    ],
    (fields) => `POST /open HTTP/1.0\r\nHost: a\r\n${fields}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  )
  tried(
    'forward',
    [
      ['chunked', 'Transfer-Encoding: chunked'],
      ['chunked in capitals', 'TRANSFER-ENCODING: CHUNKED'],
      ['chunked, blanks around it', 'Transfer-Encoding:  chunked '],
      ['chunked, tabs around it', 'Transfer-Encoding:\tchunked\t'],
      ['chunked, no blank before it', 'Transfer-Encoding:chunked'],
      ['chunked, nominated by Connection', 'Connection: transfer-encoding\r\nTransfer-Encoding: chunked'],
      [
        'chunked, and a Content-Length by another name',
        'Content_Length: 5\r\nX-Content-Length: 9\r\nTransfer-Encoding: chunked',
      ],
      ['chunked, and TE', 'TE: trailers\r\nTransfer-Encoding: chunked'],
    ],
    withChunks,
  )
  const methods = ['GET', 'DELETE', 'OPTIONS', 'PUT'].map((method) => [method, method] as const)
  tried('forward', methods, (method) => withChunks('Transfer-Encoding: chunked').replace('POST', method))
})

describe('a message that is refused for something else as well', () => {
  const MANY = Array.from({ length: 101 }, (_each, index) => `X-${index}: a\r\n`).join('')
  // Where its body ends is not known, whatever is said of it first: what stands behind it is nobody's.
  tried(
    'refuse',
    [
      ['no Host', 'POST /open HTTP/1.1\r\n'],
      ['two Hosts', `${POST}Host: b\r\n`],
      ['too many fields', `${POST}${MANY}`],
      ['an expectation', `${POST}Expect: tea\r\n`],
      ['a dot segment', POST.replace('/open', '/a/../open')],
      ['another host', POST.replace('/open', 'http://b/open')],
      ['CONNECT', POST.replace('POST /open', 'CONNECT a:443')],
      ['a method of no route', POST.replace('POST', 'PATCH')],
      ['an upgrade', `${POST}Connection: upgrade\r\nUpgrade: websocket\r\n`],
    ],
    (head) => `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  )
})
