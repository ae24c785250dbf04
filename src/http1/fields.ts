// Field lines (RFC 9110, 5) in the order in which they came, their names judged once.

/** Names and values of a header section. */
export class Fields {
  /** Names as spelled and values, in turn. */
  readonly raw: string[] = []
  /** The names in lower case. */
  readonly names: string[] = []

  get count(): number {
    return this.names.length
  }

  /** The first value of a field, or undefined. */
  first(name: string): string | undefined {
    const index = this.names.indexOf(name)
    return index === -1 ? undefined : this.raw[2 * index + 1]
  }

  /** All values of a list field as one (RFC 9110, 5.3), or undefined. */
  joined(name: string): string | undefined {
    let index = this.names.indexOf(name)
    if (index === -1) return undefined
    let joined = this.raw[2 * index + 1] ?? ''
    for (index = this.names.indexOf(name, index + 1); index !== -1; index = this.names.indexOf(name, index + 1)) {
      joined += `, ${this.raw[2 * index + 1] ?? ''}`
    }
    return joined
  }

  /** How often a field stands here. */
  countOf(name: string): number {
    let count = 0
    for (const each of this.names) if (each === name) count += 1
    return count
  }

  has(name: string): boolean {
    return this.names.includes(name)
  }

  push(name: string, value: string): void {
    this.raw.push(name, value)
    this.names.push(lowerCased(name) ?? name.toLowerCase())
  }
}

/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** Names that were judged before, by their spelling. They come from strangers, so the memory is bounded. */
const known = new Map<string, string>()
const KNOWN_MAX = 2_000

/** A field name in lower case, or undefined where it is none. */
export function lowerCased(name: string): string | undefined {
  const before = known.get(name)
  if (before !== undefined) return before
  if (!TOKEN.test(name)) return undefined
  const lower = name.toLowerCase()
  if (known.size >= KNOWN_MAX || name.length > 64) return lower
  const kept = interned(lower)
  known.set(interned(name), kept)
  return kept
}

/**
 * The one copy of this text that the engine has for names of properties: it is told from another by its address alone, and does
 * not keep the whole section that a slice was cut from.
 */
function interned(text: string): string {
  return Object.keys({ [text]: 0 })[0] ?? text
}

/**
 * Parses the field lines of `text` from `at` to its end; each ends with CRLF, and the caller has seen to it that there is
 * no other CR, LF or control in them. Returns what is wrong, or undefined. A line folded onto the next begins with a space
 * and so has no name (RFC 9112, 5.2: such a message is refused); space before the colon makes no token (RFC 9112, 5.1).
 */
export function parseFields(text: string, at: number, fields: Fields): string | undefined {
  const { raw, names } = fields
  while (at < text.length) {
    const end = text.indexOf('\r\n', at)
    const colon = text.indexOf(':', at)
    if (colon === -1 || colon >= end) return 'A header field line without a colon.'
    const name = text.slice(at, colon)
    const lower = lowerCased(name)
    if (lower === undefined) return 'A header field name that is not a token.'
    let from = colon + 1
    let to = end
    while (from < to && isBlank(text.charCodeAt(from))) from++
    while (to > from && isBlank(text.charCodeAt(to - 1))) to--
    raw.push(name, text.slice(from, to))
    names.push(lower)
    at = end + 2
  }
  return undefined
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
