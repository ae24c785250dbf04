// One spelling of each path: what two layers might read differently is refused.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeSegment, isRefused, parseTarget, TARGET_BYTES_MAX, type Target } from '../../src/core/target.ts'
import { readShared } from './fixtures.ts'

function refusal(raw: string): string | undefined {
  const target = parseTarget(raw)
  return isRefused(target) ? target.refused : undefined
}

function accepted(raw: string): Target {
  const target = parseTarget(raw)
  if (isRefused(target)) throw new Error(`${raw}: ${target.refused}`)
  return target
}

describe('an ambiguous target is refused', () => {
  test.each([
    ['an encoded slash', '/foo%2fbar', 'slash'],
    ['an encoded slash in capitals', '/foo%2Fbar', 'slash'],
    ['an encoded backslash', '/foo%5cbar', 'slash'],
    ['an encoded dot segment', '/open/%2e%2e/foo', 'dot'],
    ['half an encoded dot segment', '/open/.%2E/foo', 'dot'],
    ['an encoded dot in a name', '/foo%2ebar', 'dot'],
    ['a dot segment', '/open/../foo', 'dot segment'],
    ['a dot segment at the end', '/open/..', 'dot segment'],
    ['a single dot segment', '/open/./foo', 'dot segment'],
    ['a single dot segment at the end', '/open/.', 'dot segment'],
    ['a dot segment alone', '/..', 'dot segment'],
    ['a dot segment beside an encoding', '/%C3%A9/../foo', 'dot segment'],
    ['a double slash', '/foo//bar', 'double slash'],
    ['a double slash at the start', '//foo/bar', 'double slash'],
    ['a double slash at the end', '/foo//', 'double slash'],
    ['a double slash beside an encoding', '/%C3%A9//foo', 'double slash'],
    ['a backslash', '/foo\\bar', 'backslash'],
    ['an encoded NUL', '/foo%00', 'control'],
    ['an encoded line feed', '/foo%0abar', 'control'],
    ['an encoded carriage return', '/foo%0Dbar', 'control'],
    ['an encoded DEL', '/foo%7f', 'control'],
    ['an encoded C1 control', '/foo%C2%85', 'control'],
    ['a raw NUL', '/foo\0', 'must be percent-encoded'],
    ['a raw tab', '/foo\tbar', 'must be percent-encoded'],
    ['a raw space', '/foo bar', 'must be percent-encoded'],
    ['raw bytes above ASCII', '/caf\u00c3\u00a9', 'must be percent-encoded'],
    ['a raw quote', '/foo"bar', 'must be percent-encoded'],
    ['raw braces', '/foo{bar}', 'must be percent-encoded'],
    ['a bare percent sign', '/foo%', 'two hex digits'],
    ['half an escape', '/foo%4', 'two hex digits'],
    ['an escape that is not hex', '/foo%zz', 'two hex digits'],
    ['an escape of Microsoft', '/foo%u002f', 'two hex digits'],
    ['an escape over a line feed', '/foo%\n1', 'must be percent-encoded'],
    ['a fragment', '/foo#bar', 'fragment'],
    ['a fragment after the query', '/foo?a=1#bar', 'query'],
    ['a needless encoding of a letter', '/%66oo', 'needlessly'],
    ['a needless encoding of a tilde', '/%7Efoo', 'needlessly'],
    ['an overlong slash', '/foo%c0%afbar', 'UTF-8'],
    ['an overlong dot', '/foo%c0%ae', 'UTF-8'],
    ['half a character', '/foo%e2%82', 'UTF-8'],
    ['an encoded surrogate', '/foo%ed%a0%80', 'UTF-8'],
    ['a bare percent sign in the query', '/foo?a=100%', 'query'],
    ['half an escape in the query', '/foo?a=%4', 'query'],
    ['a space in the query', '/foo?a=b c', 'query'],
    ['a control in the query', '/foo?a=\n', 'query'],
    ['bytes above ASCII in the query', '/foo?a=\u00e9', 'query'],
    ['authority-form', 'registry.example.in:443', 'origin-form'],
    ['absolute-form', 'http://registry.example.in/foo', 'origin-form'],
    ['asterisk-form', '*', 'origin-form'],
    ['nothing', '', 'origin-form'],
    ['one byte too many', `/${'a'.repeat(TARGET_BYTES_MAX)}`, 'longer than'],
  ])('%s', (_name, raw, why) => {
    expect(refusal(raw)).toContain(why)
  })

  test('of all ASCII, only what RFC 3986 reserves or forbids is taken percent-encoded', () => {
    const codes = Array.from({ length: 0x80 }, (_, code) => code)
    const taken = codes.filter((code) => refusal(`/a%${code.toString(16).padStart(2, '0')}b`) === undefined)
    expect(String.fromCharCode(...taken)).toBe(' !"#$%&\'()*+,:;<=>?@[]^`{|}')
  })
})

describe('an innocent target is taken as it is', () => {
  test.each([
    ['the root', '/', '/', ''],
    ['letters of both cases', '/api/v2/Beneficiaries/AbC123', '/api/v2/Beneficiaries/AbC123', ''],
    ['a trailing slash', '/foo/', '/foo/', ''],
    ['dots in names', '/.well-known/a..b/c.json', '/.well-known/a..b/c.json', ''],
    ['three dots', '/a/.../b', '/a/.../b', ''],
    ['sub-delimiters', "/a!$&'()*+,;=:@b", "/a!$&'()*+,;=:@b", ''],
    ['a name in Hindi', '/%E0%A4%AE', '/%E0%A4%AE', ''],
    ['hex in small letters', '/caf%c3%a9', '/caf%C3%A9', ''],
    ['an encoded space', '/a%20b', '/a%20b', ''],
    ['an encoded percent sign', '/100%25', '/100%25', ''],
    ['a query', '/foo?a=1&a=2;b=%2F+x', '/foo', '?a=1&a=2;b=%2F+x'],
    ['an empty query', '/foo?', '/foo', '?'],
    ['a query with slashes, dots and marks', '/foo?//../??', '/foo', '?//../??'],
    ['the longest that is taken', `/${'a'.repeat(TARGET_BYTES_MAX - 1)}`, `/${'a'.repeat(TARGET_BYTES_MAX - 1)}`, ''],
  ])('%s', (_name, raw, path, query) => {
    expect(parseTarget(raw)).toEqual({ path, query })
  })
})

/** Raw targets that are near enough to be taken often. */
const pieces = fc.constantFrom(
  ...[
    'a',
    'B',
    '.',
    '..',
    '/',
    '//',
    ';',
    ':',
    '@',
    '+',
    '~',
    '%',
    '%2',
    '%41',
    '%2f',
    '%2E',
    '%3a',
    '%3A',
    '%40',
    '%c3%a9',
    '%C3%A9',
  ],
  ...['%20', '%25', '%252f', '%', '\\', '#', '?', '%e0%a4%ae', '%c0%af', '%00', ' ', '=', '&'],
)
const rawTarget = fc.array(pieces, { maxLength: 12 }).map((parts) => `/${parts.join('')}`)

/** Two spellings of one path: each byte as it is, or as an escape in small letters or capitals. */
const spellings = fc
  .array(fc.tuple(fc.constantFrom(...'aB~.:;@+%é म'), fc.constantFrom(0, 0, 0, 1, 2), fc.constantFrom(0, 0, 0, 1, 2)), {
    minLength: 1,
    maxLength: 6,
  })
  .map((chars) => [1, 2].map((column) => `/${chars.map((char) => spell(char[0], char[column] as number)).join('')}`))

function spell(char: string, how: number): string {
  const escapes = [...new TextEncoder().encode(char)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  if (how === 0) return /[A-Za-z~.:;@+]/.test(char) ? char : escapes
  return how === 1 ? escapes : escapes.toUpperCase()
}

const segmentsOf = (path: string) => path.slice(1).split('/').map(decodeSegment)
/** RFC 3986, 2.2: a reserved character and its encoding are not the same, so both spellings of those stand. */
const withReservedEncoded = (path: string) =>
  path.replaceAll(/[!$&'()*+,;=:@]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

describe('properties', () => {
  test('a parsed path parses to itself, and so does its query', () => {
    fc.assert(
      fc.property(rawTarget, (raw) => {
        const target = parseTarget(raw)
        if (isRefused(target)) return
        expect(parseTarget(target.path + target.query)).toEqual(target)
      }),
      { numRuns: 2_000 },
    )
  })

  test('two accepted spellings of the same segments are the same, reserved characters aside', () => {
    let pairs = 0
    fc.assert(
      fc.property(spellings, ([one = '', two = '']) => {
        const [first, second] = [parseTarget(one), parseTarget(two)]
        if (isRefused(first) || isRefused(second)) return
        pairs++
        expect(segmentsOf(first.path)).toEqual(segmentsOf(second.path))
        expect(withReservedEncoded(first.path)).toBe(withReservedEncoded(second.path))
      }),
      { numRuns: 1_500 },
    )
    expect(pairs).toBeGreaterThan(200)
  })

  test('an accepted path decodes without an error, and nothing that decodes out of it is a separator or a control', () => {
    fc.assert(
      fc.property(rawTarget, (raw) => {
        const target = parseTarget(raw)
        if (isRefused(target)) return
        for (const segment of segmentsOf(target.path)) {
          expect(segment).not.toMatch(/[/\\\0-\x1f\x7f-\x9f]/)
          expect(['.', '..']).not.toContain(segment)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('any text at all is judged without an error', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(0xffff), { maxLength: 20 }).map((units) => String.fromCharCode(...units)),
        (text) => {
          parseTarget(text)
          parseTarget(`/${text}`)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('the longest targets are judged in linear time', () => {
    for (const unit of ['/', '%', '.', '/.', '%25', '%2', '?', '/a', '%C3%A9', 'a%']) {
      const raw = `/${unit.repeat(Math.floor((TARGET_BYTES_MAX - 1) / unit.length))}`
      const started = performance.now()
      for (let round = 0; round < 10; round++) parseTarget(raw)
      expect([unit, performance.now() - started < 1_000]).toEqual([unit, true])
    }
  })
})

interface Vectors {
  readonly nginx_uri: readonly { readonly target: string; readonly expect: string; readonly nginx_uri: string | null }[]
  readonly envoy_normalize: readonly (readonly [string, string])[]
  readonly envoy_reject: readonly string[]
  readonly envoy_merge_slashes: readonly (readonly [string, string])[]
  readonly envoy_remove_query_and_fragment: { readonly all_of: readonly string[]; readonly give: string }
  readonly fastify_reply_from_reject: readonly string[]
  readonly fastify_reply_from_must_accept: readonly string[]
  readonly traefik_sanitize: readonly (readonly [string, string])[]
  readonly traefik_path_operations: readonly { readonly target: string; readonly raw: string }[]
  readonly traefik_malformed_percent_400: readonly string[]
  readonly caddy_path_matcher: readonly { readonly input: string }[]
}

describe('what other proxies normalise is taken only where there is nothing to normalise', () => {
  const vectors = readShared('vectors/path-and-host-normalisation.json') as Vectors | undefined
  const run = vectors === undefined ? test.skip : test

  /** Refused, or taken byte for byte, with escapes in capitals at most. */
  const isFaithful = (raw: string) => {
    const target = parseTarget(raw)
    return isRefused(target) || (target.path + target.query).toUpperCase() === raw.toUpperCase()
  }

  run('nothing is repaired', () => {
    const raws = [
      ...(vectors?.nginx_uri.map(({ target }) => target) ?? []),
      ...(vectors?.envoy_normalize.map(([raw]) => raw) ?? []),
      ...(vectors?.envoy_merge_slashes.map(([raw]) => raw) ?? []),
      ...(vectors?.traefik_sanitize.map(([raw]) => raw) ?? []),
      ...(vectors?.traefik_path_operations.map(({ target }) => target) ?? []),
      ...(vectors?.envoy_remove_query_and_fragment.all_of ?? []),
      ...(vectors?.caddy_path_matcher.map(({ input }) => input) ?? []),
    ]
    console.log(`paths of other proxies: ${raws.length} targets`)
    expect(raws.length).toBeGreaterThan(130)
    expect(raws.filter((raw) => !isFaithful(raw))).toEqual([])
  })

  run('what another proxy would have changed is refused', () => {
    const changed = [
      ...(vectors?.envoy_normalize ?? []),
      ...(vectors?.envoy_merge_slashes ?? []),
      ...(vectors?.traefik_sanitize ?? []),
    ].filter(([raw, normal]) => raw !== normal && !raw.includes('?'))
    expect(changed.length).toBeGreaterThan(20)
    expect(changed.filter(([raw]) => refusal(raw) === undefined)).toEqual([])
  })

  run('what another proxy refuses is refused', () => {
    const refused = [
      ...(vectors?.envoy_reject ?? []),
      ...(vectors?.fastify_reply_from_reject ?? []),
      ...(vectors?.traefik_malformed_percent_400 ?? []),
      ...(vectors?.nginx_uri.filter((each) => each.expect === '400').map(({ target }) => target) ?? []),
    ]
    expect(refused.length).toBeGreaterThan(10)
    expect(refused.filter((raw) => refusal(raw) === undefined)).toEqual([])
  })

  run('a name with dots in brackets is taken', () => {
    for (const raw of vectors?.fastify_reply_from_must_accept ?? []) expect(accepted(raw).path).toBe(raw)
  })

  run('the fragment never reaches a route, the query never the path', () => {
    for (const raw of vectors?.envoy_remove_query_and_fragment.all_of ?? []) {
      if (raw.includes('#')) expect(refusal(raw)).toBeDefined()
      else expect(accepted(raw).path).toBe(vectors?.envoy_remove_query_and_fragment.give)
    }
  })
})
