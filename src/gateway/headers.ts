// What crosses the gateway in a header section, and what never does.
import { isIPv6 } from 'node:net'
import type { Fields } from '../http1/fields.ts'
import type { ForwardedClaim } from '../core/policy.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Randomness } from '../ports/clock.ts'
import type { Exchange } from './exchange.ts'
import { spelledAlike } from './field-spelling.ts'
import { claimLines, forwardedValue, type FieldRules } from './upstream-fields.ts'

/** RFC 9110, 7.6.1, and what belongs to one connection by custom. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/**
 * Request fields that the gateway alone writes, or that make an upstream see another request than the one that was judged:
 * forwarding (oauth2-proxy CVE-2026-40575, Traefik CVE-2026-35051), URL and method overrides, httpoxy, and controls of
 * frameworks (Next.js CVE-2025-29927) and servers: gunicorn takes SCRIPT_NAME off the path, Rack hands files to whoever
 * names a way (CVE-2025-61780), and what runs behind Azure's front ends takes the URL from a field of theirs. Compared as `spelledAlike` has them.
 */
const NEVER_FORWARDED: ReadonlySet<string> = new Set([
  'forwarded',
  'forwarded-for',
  'x-forwarded',
  'x-forward-for',
  'x-forwarder-for',
  'real-ip',
  'x-real-ip',
  'x-true-ip',
  'x-client-ip',
  'client-ip',
  'x-originating-ip',
  'x-proxyuser-ip',
  'x-custom-ip-authorization',
  'fastly-client-ip',
  'cluster-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'x-azure-clientip',
  'x-azure-socketip',
  'x-appengine-user-ip',
  'x-vercel-forwarded-for',
  'proxy-client-ip',
  'wl-proxy-client-ip',
  'x-scheme',
  'x-url-scheme',
  'front-end-https',
  'x-http-method',
  'x-http-verb',
  'http-method',
  'x-method',
  'x-tunnel-method',
  'x-host',
  'proxy-host',
  'proxy-url',
  'x-proxy-url',
  'base-url',
  'http-url',
  'request-uri',
  'x-request-uri',
  'x-request-path',
  'x-ms-original-url',
  'x-waws-unencoded-url',
  'uri',
  'url',
  'x-uri',
  'x-url',
  'x-path',
  'x-http-destinationurl',
  'x-replaced-path',
  'x-ingress-path',
  'script-name',
  'path-info',
  'x-script-name',
  'x-path-info',
  'x-sendfile-type',
  'x-matched-path',
  'x-now-route-matches',
  'client-cert',
  'client-cert-chain',
  'x-client-cert',
  'x-arr-clientcert',
  'x-request-id',
  'traceparent',
  'proxy',
  'host',
  'expect',
  'content-length',
])

/**
 * Families of them: forwarding, originals and rewrites, overrides, what middleware of Next.js and Vinext says to itself, and who
 * a proxy in front of an upstream says that the caller is, by address, name or certificate (RFC 9440, 4).
 */
const NEVER_FORWARDED_FAMILY =
  /^x-(?:forwarded|original|rewrite|override|envoy|middleware|vinext|invoke|accel)-|^x-.*-override$|^x-override$|^-method$|^(?:http-)?method-override$|^(?:x-)?(?:remote|ssl-client)-/

/** Remembers by its lower-case name whether a field is dropped; names come from clients, so the memory is bounded. */
const judged = new Map<string, boolean>()
const JUDGED_MAX = 2_000

function isDropped(lower: string): boolean {
  const known = judged.get(lower)
  if (known !== undefined) return known
  const spelled = spelledAlike(lower)
  const verdict =
    HOP_BY_HOP.has(spelled) ||
    NEVER_FORWARDED.has(spelled) ||
    NEVER_FORWARDED_FAMILY.test(spelled) ||
    // A second type or coding of a body that was judged by the first.
    (spelled !== lower && spelled.startsWith('content-'))
  if (judged.size < JUDGED_MAX) judged.set(lower, verdict)
  return verdict
}

/** No names of fields; and the one that says where the message ends, which nobody may take from it. */
const STAYS: ReadonlySet<string> = new Set(['close', 'keep-alive', 'content-length'])

/** Names in the Connection fields, in lower case: they belong to this hop (RFC 9110, 7.6.1). */
export function nominated(fields: Fields): ReadonlySet<string> | undefined {
  const value = fields.joined('connection')
  if (value === undefined || value === 'keep-alive' || value === 'close') return undefined
  let names: Set<string> | undefined
  for (const each of value.split(',')) {
    const token = each.trim().toLowerCase()
    if (token !== '' && !STAYS.has(token)) (names ??= new Set()).add(token)
  }
  return names
}

export interface ForwardedFacts {
  readonly scheme: string
  readonly forwardAuthorization: boolean
  readonly traceparent: string
  readonly rules?: FieldRules | undefined
  readonly claims?: readonly ForwardedClaim[] | undefined
  /** Names, in lower case with hyphens, of further fields that stay here. */
  readonly without?: ReadonlySet<string> | undefined
}

/** The field lines for the upstream, without framing. The inbound request is not touched. */
export function upstreamLines(exchange: Exchange, facts: ForwardedFacts): string {
  const { fields } = exchange.request
  const { raw, names } = fields
  const dropped = nominated(fields)
  let lines = ''
  for (let index = 0; index < names.length; index++) {
    const lower = names[index] as string
    if (isDropped(lower) || dropped?.has(lower) || staysHere(lower, exchange, facts)) continue
    const given = raw[2 * index + 1] as string
    const { rules, forwardAuthorization } = facts
    const value = rules === undefined ? given : forwardedValue(rules, lower, given, forwardAuthorization)
    if (value !== undefined) lines += `${raw[2 * index] as string}: ${value}\r\n`
  }
  if (facts.claims !== undefined) lines += claimLines(facts.claims, exchange.session)
  return `${lines}${forwardingLines(exchange, facts.scheme)}X-Request-Id: ${exchange.id}\r\ntraceparent: ${facts.traceparent}\r\n`
}

/** Whether what was judged, or how, keeps the field from the upstream. */
function staysHere(lower: string, exchange: Exchange, facts: ForwardedFacts): boolean {
  // What is compressed cannot be looked through as it passes.
  if (lower === 'accept-encoding')
    return exchange.route?.policy.pii === true || exchange.detail?.readsAnswer === true || isWithout(lower, facts)
  if (lower === 'authorization' || lower === 'dpop') return !facts.forwardAuthorization || isWithout(lower, facts)
  return isWithout(lower, facts)
}

function isWithout(lower: string, { without }: ForwardedFacts): boolean {
  return without?.has(spelledAlike(lower)) === true
}

/** Who asked for what, in the words that upstreams know. A trusted proxy's are kept and extended; nobody else's are. */
function forwardingLines(exchange: Exchange, ourScheme: string): string {
  const { fields } = exchange.request
  const believed = exchange.viaTrustedProxy ? fields : undefined
  const chain = believed?.joined('x-forwarded-for')
  const scheme = trustedScheme(believed?.joined('x-forwarded-proto')) ?? ourScheme
  const host = trustedHost(believed?.joined('x-forwarded-host')) ?? fields.first('host') ?? ''
  const sources = chain === undefined ? nodeName(exchange.address) : `${chain}, ${exchange.peer}`
  const hostLine = host === '' ? '' : `X-Forwarded-Host: ${host}\r\n`
  const node = forwarded(exchange.address, host, scheme)
  return `X-Forwarded-For: ${sources}\r\nX-Forwarded-Proto: ${scheme}\r\n${hostLine}Forwarded: ${node}\r\n`
}

/** Where the caller sees this gateway. */
export function publicOrigin(exchange: Exchange, ourScheme: string): string {
  const { fields } = exchange.request
  const believed = exchange.viaTrustedProxy ? fields : undefined
  const scheme = trustedScheme(believed?.joined('x-forwarded-proto')) ?? ourScheme
  const host = trustedHost(believed?.joined('x-forwarded-host')) ?? fields.first('host') ?? ''
  return `${scheme}://${host}`
}

function trustedScheme(value: string | undefined): string | undefined {
  return value === 'http' || value === 'https' ? value : undefined
}

function trustedHost(value: string | undefined): string | undefined {
  return value !== undefined && value !== '' && isAuthority(value) ? value : undefined
}

const AUTHORITY = /^(?:\[([0-9A-Fa-f:.]+)\]|[A-Za-z0-9\-._~]+)(?::(\d{0,5}))?$/

/** The last one that was found good: most requests are for one host. */
let knownAuthority = ''

/** A host or a bracketed IPv6 address, and a port perhaps (RFC 9110, 7.2; an http URI without a host is invalid: 4.2.1). */
export function isAuthority(host: string): boolean {
  if (host === knownAuthority && host !== '') return true
  const isGood = judgeAuthority(host)
  if (isGood) knownAuthority = host
  return isGood
}

function judgeAuthority(host: string): boolean {
  const found = AUTHORITY.exec(host)
  if (found === null || Number(found[2] ?? 0) > 65_535) return false
  return found[1] === undefined ? !/^\.|\.\./.test(host) : isIPv6(found[1])
}

/** A unix socket has no address (RFC 7239, 6.2). */
function nodeName(address: string): string {
  return address === 'unix' ? 'unknown' : address
}

/** RFC 7239: an IPv6 address is bracketed and quoted, and so is a host with a port. */
function forwarded(address: string, host: string, scheme: string): string {
  const by = address.includes(':') ? `"[${address}]"` : nodeName(address)
  return `for=${by};proto=${scheme}${host === '' ? '' : `;host="${host}"`}`
}

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/

/** W3C Trace Context: a trusted proxy's trace goes on with a span of our own, anyone else's begins here. */
export function upstreamTrace(exchange: Exchange, randomness: Randomness): string {
  const given = exchange.viaTrustedProxy ? exchange.request.fields.joined('traceparent') : undefined
  const found = given === undefined ? null : TRACEPARENT.exec(given)
  return `00-${found?.[1] ?? randomness.hex(16)}-${randomness.hex(8)}-${found?.[2] ?? '01'}`
}

/** The gateway's alone: an upstream cannot promise what is in the trail. */
const RECEIPT = 'audit-receipt'

/** Names the record of this exchange that is durable by now, so that its proof can be asked for. */
export function receiptLine({ receiptEntry }: Exchange, trail: AuditTrail): string {
  return receiptEntry === undefined || trail.receipts === undefined
    ? ''
    : `Audit-Receipt: ${trail.receipts.of(receiptEntry)}\r\n`
}

/** The field lines for the caller, without framing: that is told anew where it is not by a length. */
export function downstreamLines(fields: Fields, hasLength: boolean, requestId: string, nonce?: string): string {
  const { raw, names } = fields
  const dropped = nominated(fields)
  let lines = ''
  for (let index = 0; index < names.length; index++) {
    const lower = names[index] as string
    if (HOP_BY_HOP.has(lower) || lower === 'x-request-id' || lower === RECEIPT || dropped?.has(lower)) continue
    if (nonce !== undefined && lower === 'dpop-nonce') continue
    if (lower === 'content-length' && !hasLength) continue
    lines += `${raw[2 * index] as string}: ${raw[2 * index + 1] as string}\r\n`
  }
  return nonce === undefined
    ? `${lines}X-Request-Id: ${requestId}\r\n`
    : `${lines}X-Request-Id: ${requestId}\r\nDPoP-Nonce: ${nonce}\r\n`
}

let dateText = ''
let dateSecond = 0

/** The Date field (RFC 9110, 6.6.1) of an answer at `now`, in epoch milliseconds. */
export function httpDate(now: number): string {
  const second = Math.floor(now / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = new Date(second * 1000).toUTCString()
  }
  return dateText
}

/** draft-ietf-httpapi-ratelimit-headers-11; numbers are told to verified sessions alone. */
export function rateLimitLines(exchange: Exchange): string {
  const { allowance, session } = exchange
  if (allowance === undefined || session === undefined) return ''
  const { limit, remaining, resetMs, policy = 'requests' } = allowance
  const windowSeconds = Math.ceil(limit.periodMs / 1000)
  const resetSeconds = Math.ceil(resetMs / 1000)
  return (
    `RateLimit-Policy: "${policy}";q=${String(limit.count)};w=${String(windowSeconds)}\r\n` +
    `RateLimit: "${policy}";r=${String(remaining)};t=${String(resetSeconds)}\r\n`
  )
}
