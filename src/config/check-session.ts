// Rules across the keys of sessions: opaque ones, proofs, carriers, and the fields that claims become.
import { mayOrder } from '../core/responder.ts'
import type { Report } from './check-routes.ts'
import type { Draft } from './draft.ts'
import { findEffective, type RouteDraft } from './effective.ts'
import { isLoopback, isLoopbackHost } from './listen.ts'
import { quote, type Path } from './problem.ts'

export function checkSessions(draft: Draft, report: Report): void {
  checkOpaque(draft, report)
  checkCarriers(draft, report)
  checkEvents(draft, report)
  for (const [index, origin] of (draft.session?.dpop?.origins ?? []).entries()) {
    if (origin !== undefined && !isOrigin(origin))
      report(
        ['session', 'dpop', 'origins', index],
        'must be an origin: scheme, host and port, as in https://api.example.in',
      )
  }
  for (const [index, route] of (draft.routes ?? []).entries()) {
    if (route !== undefined) checkRoute(draft, route, index, report)
  }
}

function checkOpaque(draft: Draft, report: Report): void {
  const opaque = draft.session?.opaque
  if (opaque === undefined) return
  const at: Path = ['session', 'opaque']
  const said = ['introspection', 'redis'].filter((key) => key in opaque)
  if (said.length !== 1)
    report(at, said.length === 0 ? 'must name introspection or redis' : 'must name introspection or redis, not both')
  const { introspection, redis } = opaque
  if (introspection?.url !== undefined && !isSafeUrl(introspection.url, 'http'))
    report([...at, 'introspection', 'url'], 'must be an https URL without credentials (http is taken on loopback)')
  if (redis?.url !== undefined && !isSafeUrl(redis.url, 'redis'))
    report(
      [...at, 'redis', 'url'],
      'must be a rediss:// URL without a password (redis:// is taken on loopback); the password stands in passwordFile',
    )
}

function checkEvents(draft: Draft, report: Report): void {
  const events = draft.session?.events
  if (events === undefined) return
  const at: Path = ['session', 'events']
  if (events.listen !== undefined && !isLoopback(events.listen) && !('tls' in events))
    report([...at, 'listen'], 'is reached from other machines and needs session.events.tls, with cert and key')
  checkReceiver(draft, events.responder, [...at, 'responder'], report)
  for (const [index, transmitter] of (events.transmitters ?? []).entries()) {
    const place: Path = [...at, 'transmitters', index, 'jwks']
    if (transmitter?.jwks !== undefined) checkKeys(transmitter.jwks, place, report)
  }
}

function checkReceiver({ control }: Draft, name: string | undefined, at: Path, report: Report): void {
  const responders = control?.responders
  if (name === undefined || responders === undefined) return
  const named = responders.find((each) => each?.name === name)
  if (named === undefined)
    report(
      at,
      `there is no responder ${quote(name)}: add { name: ${name}, role: receiver, key: ... } to control.responders`,
    )
  else if (named.role !== undefined && !mayOrder(named.role, 'revoke'))
    report(at, `${quote(name)} is of role ${named.role}, which may not revoke: give it the role receiver`)
}

function checkKeys(jwks: { readonly url?: string | undefined }, at: Path, report: Report): void {
  if (['file', 'url'].filter((key) => key in jwks).length !== 1)
    report(at, 'must name a file or a url, and one of them')
  if (jwks.url !== undefined && !isSafeUrl(jwks.url, 'http'))
    report([...at, 'url'], 'must be an https URL without credentials (http is taken on loopback)')
}

function isSafeUrl(value: string, scheme: 'http' | 'redis'): boolean {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || url.password !== '' || (scheme === 'http' && url.username !== '')) return false
  return url.protocol === `${scheme}s:` || (url.protocol === `${scheme}:` && isLoopbackHost(url.hostname))
}

function isOrigin(value: string): boolean {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return false
  return url.href === `${url.origin}/` && !/[?#]/.test(value)
}

/** Fields that mean something on the way cannot carry a token. */
const TAKEN = new Set(['authorization', 'cookie', 'dpop', 'host', 'connection', 'content-length', 'transfer-encoding'])

function checkCarriers(draft: Draft, report: Report): void {
  for (const [index, carrier] of (draft.session?.from ?? []).entries()) {
    const name = carrier?.startsWith('header.') ? carrier.slice('header.'.length).toLowerCase() : undefined
    if (name !== undefined && TAKEN.has(name))
      report(
        ['session', 'from', index],
        `${quote(name)} means something else on the way: use bearer, or another header`,
      )
  }
}

/** Fields that the gateway writes itself, or that frame the message. */
const RESERVED =
  /^(?:host|connection|content-length|transfer-encoding|te|trailer|upgrade|keep-alive|expect|forwarded|traceparent|authorization|dpop|cookie|x-request-id|x-forwarded-.*|proxy-.*)$/

function checkRoute(draft: Draft, route: RouteDraft, index: number, report: Report): void {
  const session = findEffective(draft, route, index, 'session')
  const policy = typeof session.value === 'object' ? session.value : undefined
  const level = typeof session.value === 'string' ? session.value : (policy?.level ?? 'required')
  checkPolicy(draft, policy ?? {}, level, session.path, report)
  const forward = findEffective(draft, route, index, 'forward')
  const fields = Object.keys(forward.value?.claims ?? {})
  const at: Path = [...forward.path, 'claims']
  checkFields(fields, at, report)
  if (fields.length > 0 && level === 'none')
    report(at, 'tells the claims of a session, but the level is none: set session: required', true)
}

function checkPolicy(
  { gateway }: Draft,
  { binding, otp }: { readonly binding?: string | undefined; readonly otp?: unknown },
  level: string,
  at: Path,
  report: Report,
): void {
  if (binding !== undefined && binding !== 'none' && level === 'none')
    report([...at, 'binding'], 'binds a session, but the level is none: set level: required', true)
  if (otp !== undefined && level === 'none')
    report([...at, 'otp'], 'judges a session, but the level is none: set level: required', true)
  if (binding === 'mtls' && gateway !== undefined && !('tls' in gateway))
    report(
      [...at, 'binding'],
      'mtls needs the certificate of the caller, and gateway.tls is not set: only a TLS listener is shown one',
    )
}

function checkFields(fields: readonly string[], at: Path, report: Report): void {
  const spelled = new Set<string>()
  for (const field of fields) {
    const name = field.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')
    if (RESERVED.test(name))
      report(
        [...at, field],
        `${quote(field)} means something on the way or is written by the gateway: choose another name`,
        true,
      )
    if (spelled.has(name))
      report([...at, field], `${quote(field)} stands twice, in another spelling: upstreams read both as one`, true)
    spelled.add(name)
  }
}
