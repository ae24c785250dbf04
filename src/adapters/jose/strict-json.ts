// JSON that can be read in one way only: what a token or a key set says must not depend on who reads it.
import { isUtf8 } from 'node:buffer'

const DEPTH_MAX = 16

/**
 * A JSON object (RFC 8259) in strict UTF-8, or undefined. Duplicate members are refused (readers differ on which one counts), so
 * are byte order marks and more than 16 levels. `__proto__` is a member like any other, and nothing here assigns by its name.
 */
export function parseStrictObject(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    if (!isUtf8(bytes)) return undefined
    const text = bytes.toString('utf8')
    const members = countMembers(text)
    const value: unknown = members === undefined ? undefined : JSON.parse(text)
    return isObject(value) && countKeys(value) === members ? value : undefined
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** In JSON each member has one colon outside of strings; the parser drops duplicates, so that fewer keys are left. */
function countMembers(text: string): number | undefined {
  let members = 0
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at)
        break
      case 0x3a: // colon
        members += 1
        break
      case 0x7b: // braces and brackets
      case 0x5b:
        depth += 1
        if (depth > DEPTH_MAX) return undefined
        break
      case 0x7d:
      case 0x5d:
        depth -= 1
        break
    }
  }
  return members
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1
  return at
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const below = Object.values(value).reduce((sum: number, each: unknown) => sum + countKeys(each), 0)
  return Array.isArray(value) ? below : below + Object.keys(value).length
}
