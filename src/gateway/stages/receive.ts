// Stage 1: the raw request becomes an Exchange with one canonical path, or with the reason why it has none.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Denial } from '../../core/decision.ts'
import { isRefused, parseTarget } from '../../core/target.ts'
import { clientAddress } from '../client-address.ts'
import { Exchange } from '../exchange.ts'
import type { Gateway, Settings } from '../gateway.ts'
import { countField, isAuthority } from '../headers.ts'

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/

/** Enters the exchange in `in-flight` before any lock is read, so that a table that lands from now on finds it. */
export function receive(
  request: IncomingMessage,
  response: ServerResponse,
  gateway: Gateway,
  isCanary = false,
): Exchange {
  const { settings, clock, randomness } = gateway
  const { address, peer, viaTrustedProxy } = clientAddress(request, gateway.addresses, settings.isTrustedProxy)
  const given = viaTrustedProxy ? request.headers['x-request-id'] : undefined
  const exchange = new Exchange({
    request,
    response,
    id: typeof given === 'string' && REQUEST_ID.test(given) ? given : randomness.requestId(),
    address,
    peer,
    viaTrustedProxy,
    startedAt: clock.now(),
    startedMs: clock.monotonicMs(),
    isCanary,
  })
  gateway.inFlight.enter(exchange)
  exchange.refusal = refuseMessage(request, settings) ?? takeTarget(exchange)
  return exchange
}

/** What Node's parser lets pass and two layers might read differently. */
function refuseMessage(request: IncomingMessage, settings: Settings): Denial | undefined {
  const { rawHeaders, headers } = request
  if (request.httpVersionMajor !== 1) return malformed('The protocol version is not HTTP/1.0 or HTTP/1.1.')
  if (rawHeaders.length / 2 > settings.headersMax) return { denied: 'headers-too-large' }
  const unframed = refuseHost(request) ?? refuseFraming(request)
  if (unframed !== undefined) return unframed
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') return { denied: 'expectation' }
  if (Number(headers['content-length'] ?? 0) > settings.bodyBytesMax) return { denied: 'body-too-large' }
  return undefined
}

/** Exactly one Host in HTTP/1.1 (RFC 9112, 3.2). */
function refuseHost(request: IncomingMessage): Denial | undefined {
  const { host } = request.headers
  if (countField(request.rawHeaders, 'host') > 1) return malformed('More than one Host field.')
  if (host === undefined) return request.httpVersionMinor > 0 ? malformed('No Host field.') : undefined
  return isAuthority(host) ? undefined : malformed('The Host field is not a host and port.')
}

function refuseFraming(request: IncomingMessage): Denial | undefined {
  const coding = request.headers['transfer-encoding']
  if (coding === undefined) return undefined
  if (coding.toLowerCase() !== 'chunked') return malformed('The only transfer coding understood is chunked.')
  if (request.headers['content-length'] !== undefined) return malformed('Both Content-Length and Transfer-Encoding.')
  return request.httpVersionMinor === 0 ? malformed('Transfer-Encoding in HTTP/1.0.') : undefined
}

function takeTarget(exchange: Exchange): Denial | undefined {
  const { request } = exchange
  const raw = originForm(request.url ?? '', request.headers.host)
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

function malformed(detail: string): Denial {
  return { denied: 'malformed-request', detail }
}
