// Stage 1: the raw request becomes an Exchange with one canonical path, or with the reason why it has none.
import type { Denial } from '../../core/decision.ts'
import { personIn } from '../../core/pii.ts'
import { isRefused, parseTarget } from '../../core/target.ts'
import { hasConnectionOption } from '../../http1/framing.ts'
import { clientAddress } from '../client-address.ts'
import type { Downstream } from '../downstream.ts'
import { Exchange } from '../exchange.ts'
import type { Gateway, Settings } from '../gateway.ts'
import { isAuthority } from '../headers.ts'
import type { Request } from '../request.ts'
import type { Response } from '../response.ts'

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/

/** Enters the exchange in `in-flight` before any lock is read, so that a table that lands from now on finds it. */
export function receive(request: Request, response: Response, downstream: Downstream, gateway: Gateway): Exchange {
  const { settings, clock, randomness } = gateway
  const { address, viaTrustedProxy } = clientAddress(
    downstream.peer,
    request.fields,
    gateway.addresses,
    settings.isTrustedProxy,
  )
  const given = viaTrustedProxy ? request.fields.joined('x-request-id') : undefined
  const exchange = new Exchange({
    request,
    response,
    downstream,
    // A proxy's own: it stands in the trail and in logs, so what looks like a person's identifier is no id.
    id: given !== undefined && REQUEST_ID.test(given) && personIn(given) === undefined ? given : randomness.requestId(),
    address,
    viaTrustedProxy,
    startedAt: clock.now(),
    startedMs: clock.monotonicMs(),
  })
  downstream.exchange = exchange
  gateway.inFlight.enter(exchange)
  exchange.refusal = refuseMessage(request, settings) ?? takeTarget(exchange)
  if (isHandshake(request)) exchange.upgrade = 'websocket'
  return exchange
}

/** What the parser lets pass and two layers might read differently. */
function refuseMessage(request: Request, settings: Settings): Denial | undefined {
  const { fields, framing } = request
  if (fields.count > settings.headersMax) return { denied: 'headers-too-large' }
  const unplaced = refuseHost(request)
  if (unplaced !== undefined) return unplaced
  if (typeof framing === 'object') return malformed(framing.malformed)
  const expected = fields.joined('expect')
  if (expected !== undefined && expected.toLowerCase() !== '100-continue') return { denied: 'expectation' }
  if (typeof framing === 'number' && framing > settings.bodyBytesMax) return { denied: 'body-too-large' }
  return undefined
}

/** Exactly one Host in HTTP/1.1 (RFC 9112, 3.2). */
function refuseHost({ fields, minor }: Request): Denial | undefined {
  const host = fields.first('host')
  if (host === undefined) return minor > 0 ? malformed('No Host field.') : undefined
  if (fields.countOf('host') > 1) return malformed('More than one Host field.')
  return isAuthority(host) ? undefined : malformed('The Host field is not a host and port.')
}

function takeTarget(exchange: Exchange): Denial | undefined {
  const { request } = exchange
  if (request.method === 'CONNECT') return { denied: 'malformed-target', detail: 'There are no tunnels here.' }
  const raw = originForm(request.target, request.fields.first('host'))
  if (typeof raw !== 'string') return raw
  const target = parseTarget(raw)
  if (isRefused(target)) return { denied: 'malformed-target', detail: `The request target has ${target.refused}.` }
  exchange.target = target
  return undefined
}

/** Absolute-form is taken only where its authority is the Host's, so that both name one resource (RFC 9112, 3.2.2). */
function originForm(raw: string, host: string | undefined): string | Denial {
  if (raw.startsWith('/')) return raw
  const found = /^https?:\/\/([^/?#]+)([/?].*)?$/i.exec(raw)
  if (found === null) return { denied: 'malformed-target', detail: 'The request target is not in origin-form.' }
  if (host === undefined || found[1]?.toLowerCase() !== host.toLowerCase()) {
    return { denied: 'malformed-target', detail: "The request target's authority is not the Host field's." }
  }
  const path = found[2] ?? '/'
  return path.startsWith('?') ? `/${path}` : path
}

/**
 * A WebSocket handshake (RFC 6455, 4.1) asks for a tunnel. Any other upgrade is not taken up, as a server may (RFC 9110, 7.8),
 * and goes the way of a plain request: h2c would carry requests that nobody judges (CVE-2021-21295).
 */
function isHandshake({ fields, minor, method, framing }: Request): boolean {
  if (fields.first('upgrade')?.toLowerCase() !== 'websocket' || fields.countOf('upgrade') > 1) return false
  if (method !== 'GET' || minor === 0 || framing !== 0 || !hasConnectionOption(fields, 'upgrade')) return false
  if (fields.countOf('sec-websocket-key') !== 1 || fields.countOf('sec-websocket-version') !== 1) return false
  return fields.first('sec-websocket-version') === '13'
}

function malformed(detail: string): Denial {
  return { denied: 'malformed-request', detail }
}
