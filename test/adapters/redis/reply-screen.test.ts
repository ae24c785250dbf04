// What a Redis sends is judged before the client library makes anything of it.
import { expect, test } from '@jest/globals'
import { property, assert, array, constant, integer, letrec, oneof, string, record } from 'fast-check'
import { ReplyScreen } from '../../../src/adapters/redis/reply-screen.ts'

const LIMITS = { bytesMax: 1000, itemsMax: 20, depthMax: 3 }

function judge(...chunks: readonly string[]): string | undefined {
  const screen = new ReplyScreen(LIMITS)
  for (const chunk of chunks) {
    const problem = screen.judge(Buffer.from(chunk))
    if (problem !== undefined) return problem
  }
  return undefined
}

test('passes what Redis sends, however it is cut into pieces', () => {
  const { reply } = letrec((tie) => ({
    reply: oneof({ maxDepth: 2 }, tie('flat'), tie('list')),
    flat: oneof(
      constant('+OK\r\n'),
      constant('-ERR no\r\n'),
      constant('*0\r\n'),
      integer().map((value) => `:${value}\r\n`),
      string({ maxLength: 8 }).map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`),
    ),
    list: array(tie('reply'), { maxLength: 3 }).map((items) => `*${items.length}\r\n${items.join('')}`),
  }))
  const cut = record({ replies: array(reply, { maxLength: 5 }), size: integer({ min: 1, max: 40 }) })
  assert(
    property(cut, ({ replies, size }) => {
      const bytes = Buffer.from((replies as string[]).join(''))
      const screen = new ReplyScreen({ ...LIMITS, bytesMax: 10_000, itemsMax: 1000 })
      for (let at = 0; at < bytes.length; at += size)
        expect(screen.judge(bytes.subarray(at, at + size))).toBeUndefined()
    }),
    { numRuns: 300 },
  )
})

test.each([
  ['an array that is announced too long', '*33554432', /more than 20 items/],
  ['arrays that are too many items together', '*10\r\n*11\r\n', /more than 20 items/],
  ['arrays nested too deep', '*1\r\n*1\r\n*1\r\n*1\r\n', /nested deeper than 3/],
  ['a string that is announced too long', '$1001', /longer than 1000 bytes/],
  ['a line without an end', `+${'x'.repeat(1000)}`, /longer than 1000 bytes/],
  [
    'a reply of many strings that is too long',
    `*3\r\n${`$400\r\n${'x'.repeat(400)}\r\n`.repeat(3)}`,
    /longer than 1000/,
  ],
  ['a null string, which no script of ours gives', '*1\r\n$-1\r\n', /null/],
  ['a null array', '*-1\r\n', /null/],
  ['a length that is none', '*1x\r\n', /number was none/],
  ['an empty length', '$\r\n', /number was none/],
  ['a number of more than 64 bits', `:${'9'.repeat(20)}\r\n`, /number was none/],
  ['a bare carriage return, where the decoder ends the line', '+a\rX*33554432\r\n', /bare carriage return/],
  ['types of RESP3', '%1\r\n', /byte 37/],
  ['another protocol', 'HTTP/1.1 400 Bad Request\r\n', /byte 72/],
])('refuses %s, in one piece and byte by byte', (_name, text, problem) => {
  expect(judge(text)).toMatch(problem)
  expect(judge(...text)).toMatch(problem)
})

test.each([
  ['a number', ':1\r\n'],
  ['an empty string', '$0\r\n\r\n'],
  ['a line of one byte', '+O\r\n'],
  ['an empty array', '*0\r\n'],
  ['an array of one', '*1\r\n$1\r\na\r\n'],
  ['an array of four', '*4\r\n'],
  ['an array in an array', '*2\r\n$1\r\na\r\n*2\r\n'],
])('refuses %s where a subscription is expected', (_name, text) => {
  const screen = new ReplyScreen({ ...LIMITS, isSubscription: true })
  const right =
    '+OK\r\n-ERR no\r\n$4\r\nrole\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n'
  expect(screen.judge(Buffer.from(right))).toBeUndefined()
  expect(screen.judge(Buffer.from(text))).toBe('a subscription was answered with something else')
})

test('counts each reply anew: a connection may live for ever', () => {
  const reply = `*2\r\n$400\r\n${'x'.repeat(400)}\r\n$400\r\n${'y'.repeat(400)}\r\n`
  expect(judge(...Array.from({ length: 50 }, () => reply))).toBeUndefined()
})
