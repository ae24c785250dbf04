// Heads on their way out, as the Latin-1 text that is written.

/** What may stand in a value (RFC 9110, 5.5). Beyond Latin-1 a character would lose its upper half, and become a line end (CVE-2018-12116). */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const TARGET = /^[\x21-\x7e]+$/

/**
 * A field line with its CRLF, for a field that was not parsed by us. Throws a TypeError where it cannot be written as one line.
 */
export function fieldLine(name: string, value: string): string {
  if (!VALUE.test(value) || !NAME.test(name))
    throw new TypeError(`a field that cannot be written: ${JSON.stringify(name)}`)
  return `${name}: ${value}\r\n`
}

/** `lines`: field lines, each with its CRLF. Throws a TypeError where the target cannot be written. */
export function requestHeadText(method: string, target: string, lines: string): string {
  if (!TARGET.test(target)) throw new TypeError('a request target that is not one word of ASCII')
  return `${method} ${target} HTTP/1.1\r\n${lines}\r\n`
}

/** `lines`: field lines, each with its CRLF. */
export function responseHeadText(status: number, reason: string, lines: string): string {
  return `HTTP/1.1 ${String(status)} ${reason}\r\n${lines}\r\n`
}
