// Config: the parsed, complete configuration. Types only, plain data: it crosses threads by structured clone.
import type { Responder } from '../core/responder.ts'
import type { Route } from '../core/route.ts'

/** A TCP address or a unix socket. */
export type Listen = { readonly host: string; readonly port: number } | { readonly path: string }

export interface GatewayConfig {
  readonly listen: Listen
  readonly workers: number
  /** CIDRs whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  readonly limits: {
    /** Bytes of all request header fields together. */
    readonly headerBytesMax: number
    readonly headersMax: number
    readonly bodyBytesMax: number
    readonly headersTimeoutMs: number
    readonly requestTimeoutMs: number
    readonly idleTimeoutMs: number
  }
  /** How long in-flight exchanges may take to finish after SIGTERM. */
  readonly drainTimeoutMs: number
}

export interface UpstreamConfig {
  /** Origins: scheme, host and port, no path. */
  readonly targets: readonly string[]
  readonly connectTimeoutMs: number
  /** From the last byte sent to the first byte of the answer. */
  readonly headersTimeoutMs: number
  /** Between two reads of the body. */
  readonly bodyTimeoutMs: number
  readonly connectionsMax: number
}

export interface IssuerConfig {
  readonly issuer: string
  readonly jwks: { readonly file: string } | { readonly url: string }
  /** JWS algorithms (RFC 7518, RFC 8037); never `none`, never symmetric. */
  readonly algorithms: readonly string[]
  readonly audience: string
  /** RFC 8176 values of which one must stand in `amr` for the session to count as opened by OTP. */
  readonly otpAmr: readonly string[]
}

export interface ControlConfig {
  readonly listen: Listen
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly responders: readonly Responder[]
  readonly releaseApprovals: number
  /** SHA-256 of the read token, hex. */
  readonly readTokenSha256?: string
}

export interface Config {
  /** Absolute path of the file that this was read from. */
  readonly file: string
  readonly gateway?: GatewayConfig
  readonly control: ControlConfig
  readonly store: { readonly kind: 'embedded'; readonly dir: string; readonly leaseMs: number }
  readonly upstreams: Readonly<Record<string, UpstreamConfig>>
  readonly routes: readonly Route[]
  readonly session: { readonly issuers: readonly IssuerConfig[]; readonly clockToleranceMs: number }
  readonly audit: {
    readonly dir: string
    readonly retentionMs: number
    /** HMAC key of the pseudonyms; made at first start where absent. */
    readonly pseudonymKeyFile: string
  }
  readonly locksFile?: string
  readonly log: { readonly level: 'error' | 'warn' | 'info' | 'debug' }
}
