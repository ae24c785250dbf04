// What an upstream that has been taken over, or is only broken, may say: well-formed answers, taken apart at random.
import { readAnswers, type ReadAnswer } from './answer-reading.ts'
import { cutAt } from './case.ts'
import { createDice } from './dice.ts'
import { mutate } from './mutations.ts'

export interface AnswerCase {
  readonly seed: number
  readonly marker: string
  readonly method: 'GET' | 'HEAD' | 'POST'
  /** What the upstream says to it, piece by piece. */
  readonly pieces: readonly Buffer[]
  /** What it does with the connection then. */
  readonly then: 'keep' | 'end' | 'reset'
  /** What it says on the idle connection when the caller has its answer. */
  readonly late: Buffer | undefined
  /** As it stands in the corpus: this must reach the caller. */
  readonly isWellFormed: boolean
  /** What a narrow reading makes of it; undefined where it is no whole answer. */
  readonly meant: ReadAnswer | undefined
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-From: @\r\n'
const STOLEN = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-From: stolen\r\n\r\nstolen'

/** `@` stands for the marker. */
const CORPUS: readonly string[] = [
  `${OK}Content-Length: 12\r\n\r\n@`,
  `${OK}Content-Length: 0\r\n\r\n`,
  `${OK}Transfer-Encoding: chunked\r\n\r\n6\r\nfirst \r\nc\r\n@\r\n0\r\n\r\n`,
  `${OK}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\nC;a=b\r\n@\r\n0\r\nX-Sum: 1\r\n\r\n`,
  `${OK}\r\nuntil the end: @`,
  `${OK}Connection: close\r\nContent-Length: 12\r\n\r\n@`,
  'HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\n@',
  'HTTP/1.0 200 OK\r\n\r\n@',
  'HTTP/1.1 204 No Content\r\nX-From: @\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nETag: "@"\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n',
  'HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\n@',
  'HTTP/1.1 500 \r\nContent-Length: 12\r\n\r\n@',
  `HTTP/1.1 103 Early Hints\r\nLink: </@>\r\n\r\n${OK}Content-Length: 12\r\n\r\n@`,
  `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 12\r\n\r\n@`,
  `${OK}Set-Cookie: a=@\r\nSet-Cookie: b=@\r\nContent-Length: 12\r\n\r\n@`,
  `${OK}Content-Length: ${STOLEN.length}\r\n\r\n${STOLEN}`,
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
  'Content-Length: 0\r\n',
  'Content-Length: 12\r\nContent-Length: 13\r\n',
  'Content-Length: 99\r\n',
  'Content-Length: -1\r\n',
  'Content-Length: 12, 12\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: gzip\r\n',
  'Transfer-Encoding: identity\r\n',
  'Transfer-Encoding : chunked\r\n',
  'Connection: keep-alive\r\n',
  'Connection: close\r\n',
  'Connection: X-From\r\n',
  'Keep-Alive: timeout=1\r\n',
  'Upgrade: h2c\r\n',
  'X-Request-Id: request-00000000000001\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  'HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 199 Early\r\n\r\n',
  'HTTP/0.9',
  'HTTP/2.0',
  ' 099 ',
  ' 999 ',
  ' 2000 ',
  STOLEN,
  `\r\n${STOLEN}`,
]

export function answerCase(seed: number): AnswerCase {
  const dice = createDice(seed)
  const marker = createDice(seed ^ 0x5bd1e995).hex(12)
  const corpus = CORPUS.map((text) => Buffer.from(text.replaceAll('@', marker), 'latin1'))
  const plain = dice.pick(corpus)
  // A 100 that nobody asked for is refused: that is a decision of ours, and RFC 9110 (15.2) would let it be dropped.
  const isWellFormed = dice.chance(1, 6) && !plain.includes('100 Continue')
  const excess = dice.chance(1, 8) ? Buffer.from(dice.pick(WORDS), 'latin1') : Buffer.alloc(0)
  const bytes = isWellFormed ? plain : Buffer.concat([mutate(plain, dice, corpus, WORDS), excess])
  const method = dice.pick(['GET', 'GET', 'GET', 'HEAD', 'POST'] as const)
  const wish = dice.pick(['keep', 'keep', 'end', 'reset'] as const)
  const read = (then: string): ReadAnswer | undefined => {
    const { answers } = readAnswers(bytes, () => method === 'HEAD', {
      ended: then === 'end',
      isPatient: true,
      atMost: 1,
    })
    return answers[0]?.isComplete === true ? answers[0] : undefined
  }
  // Half an answer on a connection that stays open is a matter of time limits, which have tests of their own.
  const then = wish === 'keep' && read('keep') === undefined ? 'end' : wish
  const places = Array.from({ length: dice.below(4) }, () => dice.below(bytes.length))
  return {
    seed,
    marker,
    method,
    pieces: cutAt(bytes, places),
    then,
    late: then === 'keep' && dice.chance(1, 4) ? Buffer.from(dice.pick(WORDS), 'latin1') : undefined,
    isWellFormed,
    meant: read(then),
  }
}
