// The request target: one spelling of each path, or a refusal. What is parsed here is what is matched, locked, recorded and forwarded.

/** A target in its one canonical spelling. */
export interface Target {
  /** Origin-form path, percent-encodings in upper case and only where RFC 3986 needs them. */
  readonly path: string
  /** The query with its leading `?` exactly as sent, or the empty string. */
  readonly query: string
}

export interface RefusedTarget {
  /** What is ambiguous, in words that can be shown to the caller. */
  readonly refused: string
}

/** The most that `gateway.limits.urlBytes` may be; the listener answers 414 to what is beyond that. */
export const TARGET_BYTES_MAX = 65_536

// Path bytes of RFC 3986 (pchar and slash) less the percent sign, which is judged on its own.
const PLAIN_PATH = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/]*$/
// Printable ASCII without the fragment mark; percent signs are judged on their own.
const QUERY = /^[!"$&-~]*$/
const UNRESERVED = /[A-Za-z0-9\-._~]/
// Escapes of blanks and of bytes beyond ASCII, already in capitals: most that come, names in other scripts, need no second look.
const CANONICAL_PATH = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%(?:[89A-F][0-9A-F]|20))*$/

/**
 * Parses a raw origin-form target (RFC 9112, 3.2.1). Refuses, never repairs: dot segments, double slashes, encoded
 * slashes, dots and controls, backslashes, fragments, bad percent signs and needless encodings, each of which two layers
 * might read differently (Envoy CVE-2019-9901, CVE-2021-29492, CVE-2021-32779; @fastify/middie CVE-2026-22031).
 */
export function parseTarget(raw: string): Target | RefusedTarget {
  if (raw.length > TARGET_BYTES_MAX) return { refused: `longer than ${TARGET_BYTES_MAX} bytes` }
  if (!raw.startsWith('/')) return { refused: 'not in origin-form: it must begin with a slash' }
  const mark = raw.indexOf('?')
  const path = mark === -1 ? raw : raw.slice(0, mark)
  const query = mark === -1 ? '' : raw.slice(mark)
  if (query !== '' && !isPlainQuery(query))
    return { refused: 'a byte in the query that must be percent-encoded, or a bad percent sign' }
  if (PLAIN_PATH.test(path)) return refuseSegments(path) ?? { path, query }
  const canonical = canonicalEscapes(path)
  if (typeof canonical !== 'string') return canonical
  return refuseSegments(canonical) ?? { path: canonical, query }
}

export function isRefused(target: Target | RefusedTarget): target is RefusedTarget {
  return 'refused' in target
}

function isPlainQuery(query: string): boolean {
  if (!query.includes('%')) return QUERY.test(query)
  return QUERY.test(query.replaceAll(/%[0-9A-Fa-f]{2}/g, ''))
}

function refuseSegments(path: string): RefusedTarget | undefined {
  if (path.includes('//')) return { refused: 'a double slash in the path' }
  if (path.includes('/.') && /\/\.\.?(\/|$)/.test(path)) return { refused: 'a dot segment in the path' }
  return undefined
}

/** Percent signs judged one by one; the rest of the path must be plain. */
function canonicalEscapes(path: string): string | RefusedTarget {
  if (CANONICAL_PATH.test(path)) return refuseBadUtf8(path) ?? path
  if (!PLAIN_PATH.test(path.replaceAll('%', ''))) {
    if (path.includes('\\')) return { refused: 'a backslash in the path' }
    if (path.includes('#')) return { refused: 'a fragment in the target' }
    return { refused: 'a byte in the path that must be percent-encoded' }
  }
  let problem: string | undefined
  const canonical = path.replaceAll(/%(.{0,2})/gs, (_all, hex: string) => {
    problem ??= refuseEscape(hex)
    return `%${hex.toUpperCase()}`
  })
  return problem === undefined ? (refuseBadUtf8(canonical) ?? canonical) : { refused: problem }
}

function refuseEscape(hex: string): string | undefined {
  if (!/^[0-9A-Fa-f]{2}$/.test(hex)) return 'a percent sign that is not followed by two hex digits'
  const code = parseInt(hex, 16)
  if (code === 0x2f || code === 0x5c) return 'an encoded slash or backslash in the path'
  if (code === 0x2e) return 'an encoded dot in the path'
  if (code < 0x20 || code === 0x7f) return 'an encoded control character in the path'
  if (code < 0x7f && UNRESERVED.test(String.fromCharCode(code))) return 'a needlessly encoded character in the path'
  return undefined
}

// Overlong and broken UTF-8 decode differently at different upstreams; the controls of Unicode's second block are controls too.
function refuseBadUtf8(path: string): RefusedTarget | undefined {
  try {
    return /[\u0080-\u009f]/.test(decodeURIComponent(path))
      ? { refused: 'an encoded control character in the path' }
      : undefined
  } catch {
    return { refused: 'percent-encoded bytes in the path that are not UTF-8' }
  }
}

/** A canonical segment's text. Never throws: parseTarget has refused what does not decode. */
export function decodeSegment(segment: string): string {
  return segment.includes('%') ? decodeURIComponent(segment) : segment
}
