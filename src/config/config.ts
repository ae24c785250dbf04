// Config: the parsed, complete configuration. Types only, plain data: it crosses threads by structured clone.
import type { NoticeType } from '../core/notice.ts'
import type { Responder } from '../core/responder.ts'
import type { Route } from '../core/route.ts'
import type { SuggestionRule } from '../core/suggestion.ts'
import type { Limit } from '../core/time.ts'

/** A TCP address or a unix socket. */
export type Listen = { readonly host: string; readonly port: number } | { readonly path: string }

/** Absolute paths of PEM files. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

export interface LimitsConfig {
  /** Bytes of all request header fields together. */
  readonly headerBytesMax: number
  readonly headersMax: number
  /** Bytes of the request target. */
  readonly urlBytesMax: number
  readonly bodyBytesMax: number
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly idleTimeoutMs: number
  /** Of a request body, on average since its first byte, judged once `graceMs` have passed; 0: none. */
  readonly minimumRate: { readonly bytesPerSecond: number; readonly graceMs: number }
  /** Of each worker. */
  readonly connectionsMax: number
  /** Of each worker; trusted proxies and unix sockets are not counted. */
  readonly connectionsPerAddressMax: number
  readonly requestsPerConnectionMax: number
}

export interface GatewayConfig {
  readonly listen: Listen
  readonly workers: number
  /** CIDRs whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  /** `clientCa`: authorities of the certificates that every client must show. */
  readonly tls?: CertificateFiles & { readonly clientCa?: string }
  readonly limits: LimitsConfig
  /** How long in-flight exchanges may take to finish after SIGTERM. */
  readonly drainTimeoutMs: number
}

export interface HealthConfig {
  /** Path and query of a GET. */
  readonly path: string
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Good and bad checks in a row that change what is thought of a target. */
  readonly healthyAfter: number
  readonly unhealthyAfter: number
  /** Status codes that are good; absent: 200 to 299. */
  readonly statuses?: readonly number[]
}

export interface UpstreamConfig {
  /** Origins (scheme, host and port, no path), or `unix:` and the absolute path of a socket. */
  readonly targets: readonly string[]
  readonly connectTimeoutMs: number
  /** From the last byte sent to the first byte of the answer. */
  readonly headersTimeoutMs: number
  /** Between two reads of the body. */
  readonly bodyTimeoutMs: number
  readonly connectionsMax: number
  /** Requests of a worker that all targets together answer at once; never more than their connections. */
  readonly inFlightMax: number
  /** Requests of a worker beyond these. */
  readonly queue: { readonly requestsMax: number; readonly timeoutMs: number }
  /** Absolute paths of PEM files; `cert` and `key` stand together. Only where every target is https. */
  readonly tls?: {
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
    readonly serverName?: string
  }
  /** Absent: no active check. */
  readonly health?: HealthConfig
}

export interface IssuerConfig {
  readonly issuer: string
  readonly jwks: { readonly file: string } | { readonly url: string }
  /** JWS algorithms (RFC 7518, RFC 8037); never `none`, never symmetric. */
  readonly algorithms: readonly string[]
  readonly audience: string
  /** RFC 8176 values of which one must stand in `amr` for the session to count as opened by OTP. */
  readonly otpAmr: readonly string[]
  /** Values of `acr` that count as well. */
  readonly otpAcr?: readonly string[]
  /** Claim that tells when the OTP was used; absent: `auth_time`. */
  readonly otpTimeClaim?: string
  /** The claim that has the phone number which the OTP was delivered to. */
  readonly otpNumber?: string
}

/** The gateway's own one-time passwords. Paths are absolute. */
export interface OtpConfig {
  readonly issuer: string
  readonly audience: string
  readonly sessionMs: number
  readonly rotateMs: number
  readonly keyFile: string
  readonly countryCode: string
  readonly webhook?: { readonly url: string; readonly secretFile: string; readonly timeoutMs: number }
  readonly totp?: { readonly file: string }
  readonly limits: Readonly<Record<'number' | 'failures' | 'address' | 'total', Limit>>
}

/** What one OTP buys. */
export interface OtpBudget {
  readonly subjects?: number
  readonly routes?: number
  readonly timeMs?: number
}

/** Sessions whose token says nothing by itself. Paths are absolute. */
export interface OpaqueConfig {
  readonly issuer: string
  readonly audience?: string
  readonly otpAmr: readonly string[]
  readonly otpAcr?: readonly string[]
  readonly otpTimeClaim?: string
  readonly cacheMs: number
  readonly by:
    | { readonly url: string; readonly clientId: string; readonly secretFile: string; readonly timeoutMs: number }
    | { readonly redis: string; readonly passwordFile?: string; readonly key: string; readonly timeoutMs: number }
}

/** Receiver of security events (RFC 8935). Paths are absolute. */
export interface EventsConfig {
  readonly listen: Listen
  readonly tls?: CertificateFiles
  /** Name of the responder whose key signs what is reported. */
  readonly responder: string
  readonly keyFile: string
  readonly transmitters: readonly {
    readonly issuer: string
    readonly jwks: { readonly file: string } | { readonly url: string }
    readonly algorithms: readonly string[]
    readonly audience: string
    /** Issuers of whose sessions it may speak. */
    readonly speaksFor: readonly string[]
  }[]
}

export interface SessionConfig {
  readonly issuers: readonly IssuerConfig[]
  readonly clockToleranceMs: number
  readonly countryCode: string
  readonly budget?: OtpBudget
  /** `bearer`, `cookie.NAME`, `header.NAME`. */
  readonly from: readonly string[]
  readonly rememberedMax: number
  readonly opaque?: OpaqueConfig
  readonly events?: EventsConfig
  readonly dpop: {
    readonly origins: readonly string[]
    readonly nonce: boolean
    readonly maxAgeMs: number
    readonly algorithms: readonly string[]
  }
}

export interface ControlConfig {
  readonly listen: Listen
  readonly tls?: CertificateFiles
  /** Host names by which it may be asked, with or without a port, in lower case. */
  readonly names: readonly string[]
  readonly responders: readonly Responder[]
  readonly releaseApprovals: number
  /** SHA-256 of the read token, hex. */
  readonly readTokenSha256?: string
  /** Absent: no alert is taken. */
  readonly alertmanager?: { readonly tokenSha256: string; readonly rules: readonly SuggestionRule[] }
}

/** The Redis that the gateways of a fleet share. Paths are absolute. */
export interface RedisConfig {
  /** May hold credentials: never to be logged. */
  readonly url: string
  readonly fleet: string
  readonly secretFile: string
  readonly username?: string
  readonly passwordFile?: string
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly serverName?: string }
  /** Origin of the control plane, as peers reach it. */
  readonly advertise?: string
}

interface StoreConfig {
  readonly dir: string
  readonly leaseMs: number
  /** Absent: the embedded store, of one gateway. */
  readonly redis?: RedisConfig
}

/** Where sealed records are sent on. Paths are absolute. */
export type ExportConfig = { readonly format: 'ndjson' | 'ocsf' | 'csv' } & (
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'webhook'; readonly url: string; readonly secretFile: string }
  | { readonly kind: 'redis'; readonly urlFile: string; readonly key: string; readonly lengthMax: number }
)

interface NotifyConfig {
  readonly webhooks: readonly {
    /** Not to be logged: its path may be a secret. */
    readonly url: string
    /** Absolute. */
    readonly secretFile: string
    readonly events?: readonly NoticeType[]
  }[]
  /** CIDRs beside the public ones. */
  readonly networks: readonly string[]
  /** Origin of a control plane as people reach it. */
  readonly console?: string
}

/** What the detectors of people need beyond what routes say. */
export interface ThrottleConfig {
  /** Identifiers that no one has reason to read: made up, never a citizen's. */
  readonly honey: readonly string[]
  /** Budgets of named clients (`azp`), which hold for all of their sessions together. */
  readonly clients: Readonly<Record<string, readonly Limit[]>>
  readonly learn: 'off' | 'shadow' | 'enforce'
  /** Keys in memory at once. */
  readonly sessions: number
  readonly addresses: number
  /** Where networks are: CSV. */
  readonly placesFile?: string
  /** The gateway locks by itself with this key, which is enrolled as a responder's. Absent: it proposes. */
  readonly lock?: { readonly keyFile: string; readonly ttlMs: number }
}

export interface Config {
  /** Absolute path of the file that this was read from. */
  readonly file: string
  readonly gateway?: GatewayConfig
  readonly control: ControlConfig
  readonly store: StoreConfig
  readonly upstreams: Readonly<Record<string, UpstreamConfig>>
  readonly routes: readonly Route[]
  readonly session: SessionConfig
  readonly otp?: OtpConfig
  readonly audit: {
    readonly dir: string
    readonly retentionMs: number
    /** Who is shown each checkpoint: prefix of the witness's URL, and its verification key. */
    readonly witnesses: readonly { readonly url: string; readonly key: string }[]
    readonly clock: {
      readonly servers: readonly { readonly host: string; readonly port: number }[]
      readonly everyMs: number
      readonly alarmMs: number
    }
    /** Kept free for what must be recorded on a full disk. */
    readonly reserveBytes: number
    /** HMAC key of the pseudonyms; made at first start where absent. */
    readonly pseudonymKeyFile: string
    readonly index: boolean
    readonly compressAfterMs?: number
    /** Keys of what routes record in detail. */
    readonly details: { readonly dir: string; readonly keepMs: number }
    readonly holds: readonly { readonly incident: string; readonly since?: number }[]
    readonly exports: Readonly<Record<string, ExportConfig>>
  }
  readonly notify: NotifyConfig
  /** Absent: the detectors' own defaults. */
  readonly throttle?: ThrottleConfig
  readonly locksFile?: string
  readonly log: { readonly level: 'error' | 'warn' | 'info' | 'debug' }
}
