// The request that goes out for an exchange: target and body as they were judged, and the fields that may cross.
import type { Route } from '../core/route.ts'
import type { UpstreamRequest } from '../ports/upstream-client.ts'
import type { Exchange } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import { upstreamLines, upstreamTrace } from './headers.ts'
import { UNFORWARDED } from './judged-response.ts'

export function upstreamRequestOf(exchange: Exchange, { upstream, policy }: Route, gateway: Gateway): UpstreamRequest {
  const { request, method, target, upgrade } = exchange
  return {
    upstream,
    method,
    target: `${target?.path ?? '/'}${target?.query ?? ''}`,
    lines: upstreamLines(exchange, {
      scheme: gateway.settings.scheme,
      forwardAuthorization: policy.forwardAuthorization,
      traceparent: upstreamTrace(exchange, gateway.randomness),
      rules: gateway.settings.fieldRules,
      claims: policy.forwardClaims,
      without: policy.response === undefined ? undefined : UNFORWARDED,
    }),
    body: request.bodyLength,
    idempotent: exchange.isSafe,
    upgrade,
  }
}
