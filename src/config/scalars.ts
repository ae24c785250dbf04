// The kinds of values that a configuration is written in. Each says in plain words what would be right.
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { didYouMean } from '../core/did-you-mean.ts'
import { parseJsonPointer } from '../core/json-pointer.ts'
import type { Source } from '../core/policy.ts'
import { parseTemplate } from '../core/route.ts'
import { isRefused, parseTarget } from '../core/target.ts'
import { parseDuration, parseInstant, parseLimit, type Limit } from '../core/time.ts'
import type { Listen } from './config.ts'
import { checkEd25519Key } from '../core/ed25519-key.ts'
import { parseListen } from './listen.ts'
import { quote } from './problem.ts'

/** An error message for zod: what would be right, and before it whether the value is absent or empty. */
export function says(right: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) =>
    input === undefined ? `is missing: it ${right}` : input === null ? `is empty: it ${right}` : right
}

export function list<T extends z.ZodType>(element: T, right: string): z.ZodArray<T> {
  return z.array(element, { error: says(right) })
}

/** A text that `parse` turns into a T, or into what is wrong with it. */
export function parsed<T>(
  right: string,
  parse: (text: string) => T | { readonly problem: string },
  pattern?: RegExp,
): z.ZodType<T, string> {
  const error = says(right)
  const text = pattern === undefined ? z.string({ error }) : z.string({ error }).regex(pattern, { error })
  return text.transform((value, context) => {
    const result = parse(value)
    if (!isProblem(result)) return result
    context.addIssue({ code: 'custom', message: result.problem })
    return z.NEVER
  })
}

function isProblem(value: unknown): value is { readonly problem: string } {
  return typeof value === 'object' && value !== null && 'problem' in value
}

/** `2s` to milliseconds, within bounds; zero is refused everywhere. */
export function duration(
  bounds: { readonly min?: string; readonly max?: string; readonly why?: string } = {},
): z.ZodType<number, string> {
  const why = bounds.why === undefined ? '' : `: ${bounds.why}`
  const parse = (text: string): number | { readonly problem: string } => {
    const ms = parseDuration(text) ?? 0
    if (ms === 0) return { problem: 'must be longer than zero, as in 500ms or 2s' }
    if (bounds.min !== undefined && ms < (parseDuration(bounds.min) ?? 0))
      return { problem: `${text} is too short, the least is ${bounds.min}${why}` }
    // Timers of Node hold 2^31 - 1 ms; only a retention is longer, and it is no timer.
    if (ms > (parseDuration(bounds.max ?? '24d') ?? 0))
      return { problem: `${text} is too long, the most is ${bounds.max ?? '24d'}${why}` }
    return ms
  }
  return parsed<number>(
    'must be a duration, as in 500ms, 2s, 15m, 12h or 180d',
    parse,
    /^\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d)$/,
  )
}

/** `60/m` to a Limit. */
export const limit = parsed<Limit>(
  'must be a rate: how many in how long, as in 60/m, 20/h or 5/10s',
  (text) =>
    parseLimit(text) ?? {
      problem: 'must allow at least one in a period longer than zero, as in 60/m; to allow none, set lock: deny',
    },
  /^\d{1,12}\/\d{0,6}(?:s|m|h|d)$/,
)

const UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1_048_576, GiB: 1_073_741_824 }

/** A number of bytes, `16KiB` or `10MiB`. */
export function size(bounds: { readonly min: string; readonly max: string }): z.ZodType<number, string | number> {
  const right = `must be a size from ${bounds.min} to ${bounds.max}, as in 16KiB or 10MiB`
  const error = says(right)
  const text = z.union([z.int({ error }), z.string({ error }).regex(/^\d{1,12}(?:B|KiB|MiB|GiB)$/, { error })], {
    error,
  })
  return text.transform((value, context) => {
    const bytes = parseSize(value)
    if (bytes >= parseSize(bounds.min) && bytes <= parseSize(bounds.max)) return bytes
    context.addIssue({ code: 'custom', message: right })
    return z.NEVER
  })
}

/** Of a text that `size` takes. */
export function parseSize(value: string | number): number {
  if (typeof value === 'number') return value
  const [, count, unit] = /^(\d+)(\w+)$/.exec(value) ?? []
  return Number(count) * (UNITS[unit ?? ''] ?? NaN)
}

export function whole(min: number, max: number): z.ZodType<number, number> {
  const error = says(`must be a whole number from ${min} to ${max}`)
  return z.int({ error }).min(min, { error }).max(max, { error })
}

/** One of a closed set of words. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T): z.ZodType<T[number], T[number]> {
  const right = `must be ${listed(words)}`
  return z.enum(words, {
    error: (issue) =>
      typeof issue.input === 'string'
        ? `${right}, not ${quote(issue.input)}${didYouMean(issue.input, words)}`
        : says(right)(issue),
  })
}

function listed(words: readonly string[]): string {
  return words.length === 1 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`
}

/** Names of routes, upstreams and responders: they become metric labels, file names and arguments of commands. */
export function nameOf(what: string): z.ZodType<string, string> {
  const error = says(
    `must be ${what}: letters, digits, dot, hyphen and underscore, at most 100, beginning with a letter or a digit`,
  )
  return z.string({ error }).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, { error })
}

const tagError = says('must be a tag: a word of at most 100 characters, without comma or line break')
export const tag = z
  .string({ error: tagError })
  .regex(/^(?=.{1,100}$)[^\s,\u0000-\u001f\u007f]+(?: [^\s,\u0000-\u001f\u007f]+)*$/, { error: tagError })

export function text(right: string): z.ZodType<string, string> {
  const error = says(right)
  return z.string({ error }).regex(/^[^\u0000]+$/, { error })
}

export const listen = parsed<Listen>(
  'must be host:port, as in 127.0.0.1:8080, "[::1]:8080" or unix:/run/portcullis.sock',
  parseListen,
)

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY'] as const
export const method = z.enum(METHODS, {
  error: ({ input }) => {
    if (input === 'TRACE' || input === 'CONNECT')
      return `${input} is never forwarded: it hands out header fields (TRACE) or a tunnel (CONNECT)`
    const known = typeof input === 'string' ? METHODS.find((each) => each === input.toUpperCase()) : undefined
    if (known !== undefined) return `methods are written in capitals: ${known}`
    return `must be ${listed(METHODS)}${typeof input === 'string' ? didYouMean(input, METHODS) : ''}`
  },
})

/** A path template that some canonical request can match. */
export const template = parsed<string>(
  'must be a path, as in /api/v2/records/{recordId}',
  (path): string | { problem: string } => {
    if (/[?#]/.test(path))
      return {
        problem:
          'a path has no query and no fragment: name what the query holds in subjects or session.bind, as in query.id',
      }
    const segments = parseTemplate(path)
    if ('problem' in segments) return { problem: `is no path template: ${segments.problem}` }
    const sample = `/${segments.map((segment) => ('literal' in segment ? segment.literal : 'x')).join('/')}`
    const target = parseTarget(sample)
    if (isRefused(target))
      return { problem: `no request ever matches this: it has ${target.refused}, and such a path is refused` }
    if (target.path !== sample)
      return { problem: 'no request ever matches this: percent-encodings are written in capitals, as in %C3%A9' }
    return path
  },
)

/** Raw Ed25519 public key, base64url without padding. */
export const publicKey = parsed<string>(
  'must be an Ed25519 public key: 32 bytes in base64url, as "portcullis keygen NAME" prints it',
  (value): string | { problem: string } => {
    const right = 'write the 43 characters that "portcullis keygen NAME" prints'
    if (/[+/=]/.test(value)) return { problem: `is base64, not base64url without padding: ${right}` }
    const bytes = Buffer.from(value, 'base64url')
    if (bytes.toString('base64url') !== value) return { problem: `is not base64url: ${right}` }
    const problem = checkEd25519Key(bytes)
    return problem === undefined ? value : { problem: `${problem}: ${right}` }
  },
)

const hashError = says(
  'must be the SHA-256 of the token in 64 hex digits, never the token itself: printf %s "$TOKEN" | sha256sum',
)
export const sha256 = z
  .string({ error: hashError })
  .regex(/^[0-9a-fA-F]{64}$/, { error: hashError })
  .transform((hex) => hex.toLowerCase())

/** A date or an RFC 3339 date-time; a date is its first instant in UTC. */
export const date = parsed<number>(
  'must be a date, as in 2026-11-30 or 2026-11-30T18:30:00Z',
  (value): number | { problem: string } => {
    const day = /^\d{4}-\d\d-\d\d$/.test(value)
    const instant = parseInstant(day ? `${value}T00:00:00Z` : value)
    // Date.parse takes 30 February for 2 March.
    const isReal =
      instant !== undefined &&
      new Date(Date.parse(`${value.slice(0, 10)}T00:00:00Z`)).toISOString().startsWith(value.slice(0, 10))
    return isReal ? instant : { problem: `${quote(value)} is no date: write it as 2026-11-30 or 2026-11-30T18:30:00Z` }
  },
)

/** A network in CIDR notation, without host bits. */
export const cidr = parsed<string>(
  'must be a network in CIDR notation, as in 10.0.0.0/8 or fd00::/8',
  (value): string | { problem: string } => {
    const [address = '', bits, more] = value.split('/')
    const kind = ipaddr.IPv4.isValidFourPartDecimal(address)
      ? ipaddr.IPv4
      : ipaddr.IPv6.isValid(address) && !address.includes('%')
        ? ipaddr.IPv6
        : undefined
    if (kind === undefined || more !== undefined)
      return { problem: `${quote(value)} is no network: write it as 10.0.0.0/8 or fd00::/8` }
    const most = kind === ipaddr.IPv4 ? 32 : 128
    if (bits === undefined)
      return { problem: `is an address, not a network: write ${address}/${most} for this address alone` }
    if (!/^\d{1,3}$/.test(bits) || Number(bits) > most)
      return { problem: `the prefix of ${quote(value)} must be a number from 1 to ${most}` }
    if (Number(bits) === 0)
      return { problem: 'trusts every client to say who it is: name the networks of your proxies' }
    const network = kind.networkAddressFromCIDR(`${address}/${Number(bits)}`).toString()
    if (kind.parse(address).toString() !== network)
      return { problem: `${quote(value)} has bits behind its prefix, did you mean ${network}/${Number(bits)}?` }
    return `${network}/${Number(bits)}`
  },
)

const ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
] as const
/** JWS algorithms with a public and a private key (RFC 7518, RFC 8037, RFC 9864). */
export const algorithm = z.enum(ALGORITHMS, {
  error: ({ input }) => {
    if (typeof input === 'string' && /^HS\d+$/i.test(input)) {
      return `${quote(input)} is symmetric: whoever can check a token could make one too; use ${ALGORITHMS[0]} or another of ${ALGORITHMS.slice(1).join(', ')}`
    }
    if (typeof input === 'string' && input.toLowerCase() === 'none')
      return '"none" takes tokens that nobody has signed: use ES256'
    return `must be ${listed(ALGORITHMS)}${typeof input === 'string' ? didYouMean(input, ALGORITHMS) : ''}`
  },
})

const SOURCE = /^(param|query|header|body)\.(.+)$/
const sourceRight =
  'must say where the identifier stands: param.NAME, query.NAME, header.NAME, or body./POINTER (RFC 6901) of a JSON body'
export const source = z
  .string({ error: says(sourceRight) })
  .regex(SOURCE, { error: says(sourceRight) })
  .superRefine((value, context) => {
    if (!value.startsWith('body.')) return
    const found = parseJsonPointer(value.slice('body.'.length))
    if ('problem' in found) context.addIssue({ code: 'custom', message: found.problem })
  })

const pointerRight = says('must be a JSON Pointer (RFC 6901), * for every element, as in /beneficiaries/*/mobile')
export const pointer = z.string({ error: pointerRight }).superRefine((value, context) => {
  const found = parseJsonPointer(value)
  if ('problem' in found) context.addIssue({ code: 'custom', message: found.problem })
})
export const claim = z
  .string({ error: says('must be a claim of the session, as in claim.beneficiary_ids') })
  .regex(/^claim\..+$/, { error: 'must be a claim of the session, as in claim.beneficiary_ids' })

const PLACES = ['param', 'query', 'header', 'body'] as const

/** `param.x` to a Source; header names are compared in lower case (RFC 9110, 5.1). */
export function parseSource(value: string): Source {
  const found = SOURCE.exec(value)
  const place = PLACES.find((each) => each === found?.[1]) ?? 'param'
  const name = found?.[2] ?? ''
  return { in: place, name: place === 'header' ? name.toLowerCase() : name }
}
