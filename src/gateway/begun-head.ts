// What can be told of a request's head before all of it has come.

/** Longer ones are no method (http1/head). */
const METHOD_MAX = 32
/** Empty lines ahead of a request that are read over (RFC 9112, 2.2: at least one). */
const EMPTY_LINES_MAX = 2

/** Where the request line begins. */
export function afterEmptyLines(bytes: Buffer): number {
  let at = 0
  for (let lines = 0; lines < EMPTY_LINES_MAX && bytes[at] === 0x0d && bytes[at + 1] === 0x0a; lines++) at += 2
  return at
}

/** Whether a request line that begins at `at` has a target of more bytes, as far as it has come. */
export function isTargetLonger(bytes: Buffer, at: number, bytesMax: number): boolean {
  const from = bytes.indexOf(0x20, at) + 1
  if (from === 0 || from - at > METHOD_MAX + 1 || bytes.length - from <= bytesMax) return false
  for (let index = from; index <= from + bytesMax; index++) {
    const byte = bytes[index] as number
    if (byte <= 0x20) return false
  }
  return true
}

/** A request line that has not ended yet. */
const BEGUN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]*(?: [\x21-\x7e]*(?: [HTP/0-9.]{0,8}\r?)?)?$/
/** As in a whole head, where the last byte may be the CR of a line end. */
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n|$)|(?<!\r)\n/g

/** Whether no more bytes can make a head of it: its sender would wait for an answer, and an attacker for our patience. */
export function isHopeless(text: string, from: number): boolean {
  const end = text.indexOf('\r\n')
  if (end === -1) return text !== '\r' && !BEGUN.test(text)
  if (!text.startsWith('HTTP/1.', end - 8)) return true
  FORBIDDEN.lastIndex = from
  return FORBIDDEN.test(text)
}
