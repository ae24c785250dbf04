// What a route demands of a request. Plain data: it crosses threads by structured clone.
import type { Limit } from './time.ts'

/** What a route does when the lock view is stale (its lease has run out). */
export type Posture = 'frozen' | 'read-only' | 'serve'

/** Whether a response may leave before its record is durable. */
export type AuditDuty = 'strict' | 'best-effort' | 'off'

/**
 * What of a request is recorded beside who asked whom (Kubernetes' levels Request and RequestResponse): the values at named places,
 * and no others. They are encrypted (audit/detail), and what looks like an identifier among them is a pseudonym before that.
 */
export interface DetailPolicy {
  readonly request: readonly Source[]
  /** JSON Pointers into the answer. */
  readonly response: readonly string[]
}

/** The route's own lock flag, set by the config file. */
export type RouteFlag = 'open' | 'deny' | 'read-only' | 'step-up'

/** Where in a request an identifier stands. */
export interface Source {
  readonly in: 'param' | 'query' | 'header' | 'body'
  /** Of the body a JSON Pointer (core/json-pointer). */
  readonly name: string
}

/** The identifier at `source` must be (one of) the values of the session's `claim`. */
interface Binding {
  readonly source: Source
  readonly claim: string
}

/** What in a token tells that a one-time password was used: one of these methods (RFC 8176), or one of these classes. */
export interface OtpProof {
  readonly amr: readonly string[]
  readonly acr: readonly string[]
}

/** Whether a token must be shown to be in the hands that it was given to. */
export type SessionBinding = 'none' | 'dpop' | 'mtls'

/** Endpoints of the gateway's own, which no upstream answers. */
export const OWN_ENDPOINTS = ['otp-request', 'otp-verify', 'otp-keys'] as const
export type OwnEndpoint = (typeof OWN_ENDPOINTS)[number]

/** What the answer is held back for: nothing of it leaves before it has been judged (gateway/judged-response). */
export interface ResponsePolicy {
  /** The values at each JSON Pointer must be among the claim's values. */
  readonly owner: readonly { readonly pointer: string; readonly claim: string }[]
  /** JSON Pointers of phone numbers: each must be the one that the session's OTP was delivered to. */
  readonly number: readonly string[]
  /** JSON Pointers of the people whose records come back. */
  readonly subjects: readonly string[]
  /** What becomes of an answer that cannot be judged: its shape, its coding or its size is another. */
  readonly unknown: 'refuse' | 'pass'
  readonly bytesMax: number
}

export interface SessionPolicy {
  readonly level: 'none' | 'optional' | 'required'
  /** What counts as an OTP on this route; absent: what its issuer says. */
  readonly otp?: OtpProof
  /** `none`: the upstream judges that. Absent: a token that names a key or a certificate must be shown with it. */
  readonly binding?: SessionBinding
  /** Greatest age of the OTP (`auth_time`), in milliseconds. */
  readonly maxAgeMs?: number
  readonly bind: readonly Binding[]
  /** Where the request has the phone number of the record: it must be the one that the session's OTP was delivered to. */
  readonly number?: readonly Source[]
}

/** What the detectors of people do on a route: refuse, tell, or not look. */
export type PeoplePosture = 'enforce' | 'observe' | 'off'

/** What a route lets people try: a password or one-time password is checked here, or one is sent out. */
export type Attempt = 'login' | 'otp-verify' | 'otp-request'

interface ThrottlePolicy {
  /** Requests of one session, or of one address where there is no session. */
  readonly requests?: Limit
  /** Different people (subjects) read by one session; enforced by the detectors. */
  readonly subjects?: Limit
  /** Several windows of the same. Absent with `people: enforce`: what is built in, or learned. */
  readonly budgets?: readonly Limit[]
  /** Absent: `observe`. */
  readonly people?: PeoplePosture
  /** Longest wait that is added for somebody new beyond half of a budget; absent: none. */
  readonly delayMs?: number
  readonly attempt?: Attempt
  /** Whom a try is about. */
  readonly target?: Source
}

export interface ForwardedClaim {
  /** As it is written to the upstream. */
  readonly field: string
  readonly claim: string
}

export interface RoutePolicy {
  readonly lock: RouteFlag
  readonly session: SessionPolicy
  readonly stale: Posture
  readonly audit: AuditDuty
  /** Absent: Metadata. */
  readonly detail?: DetailPolicy
  readonly throttle: ThrottlePolicy
  /** Where the request names the people whose records it touches. */
  readonly subjects: readonly Source[]
  /** Whether the caller's Authorization header is forwarded to the upstream. */
  readonly forwardAuthorization: boolean
  /** Claims of the session that the upstream is told, by field name. */
  readonly forwardClaims?: readonly ForwardedClaim[]
  /** Whether the bodies of responses are looked through for personal data, and what was seen is recorded. */
  readonly pii?: true
  /** Some source stands in the body: so many bytes of JSON are read, judged, and then forwarded as they came. */
  readonly bodyBytesMax?: number
  readonly response?: ResponsePolicy
  readonly own?: OwnEndpoint
  /** Nobody said whose record it is: `subjects` are all path parameters, each presumed to name a person. */
  readonly subjectsPresumed?: boolean
  /** Literals of the path are taken in any case of ASCII, as the upstream takes them; parameters are never folded. Absent: exact. */
  readonly ignoreCase?: boolean
  /** Whether the path is taken with one slash more or less at its end. Absent: exact. */
  readonly trailingSlash?: 'exact' | 'either'
}

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** Safe methods (RFC 9110, 9.2.1) read and never change. */
export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.has(method)
}

/** The closed set of methods that metrics know; any other is `OTHER`, so that no caller can make a series. */
export const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'OTHER',
] as const

export type Method = (typeof METHODS)[number]

export function methodLabel(method: string): Method {
  return METHODS.find((known) => known === method) ?? 'OTHER'
}
