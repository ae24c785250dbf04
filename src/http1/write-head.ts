// Heads on their way out, as the Latin-1 text that is written.

/** What may stand in a value (RFC 9110, 5.5). Beyond Latin-1 a character would lose its upper half, and become a line end (CVE-2018-12116). */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const TARGET = /^[\x21-\x7e]+$/

/** `fields`: names and values in turn. Throws a TypeError where one of them, or the target, cannot be written as one line. */
export function requestHeadText(method: string, target: string, fields: readonly string[]): string {
  if (!TARGET.test(target)) throw new TypeError('a request target that is not one word of ASCII')
  return `${method} ${target} HTTP/1.1\r\n${linesOf(fields)}\r\n`
}

export function responseHeadText(status: number, reason: string, fields: readonly string[]): string {
  return `HTTP/1.1 ${String(status)} ${reason}\r\n${linesOf(fields)}\r\n`
}

function linesOf(fields: readonly string[]): string {
  let text = ''
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string
    const value = fields[index + 1] as string
    if (!VALUE.test(value) || !NAME.test(name))
      throw new TypeError(`a field that cannot be written: ${JSON.stringify(name)}`)
    text += `${name}: ${value}\r\n`
  }
  return text
}
