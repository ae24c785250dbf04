// An exchange: one request and its response, and what has become of it so far.
import type { DecisionLabel, Denial } from '../core/decision.ts'
import type { Lock, LockTarget } from '../core/lock.ts'
import { isSafeMethod } from '../core/policy.ts'
import type { AuditRecord, SealedDetail } from '../core/audit-record.ts'
import type { Permit } from '../core/permit.ts'
import type { Route } from '../core/route.ts'
import type { Session } from '../core/session.ts'
import type { Target } from '../core/target.ts'
import type { Instant } from '../core/time.ts'
import type { Allowance } from '../throttle/detector.ts'
import type { Facts } from '../throttle/facts.ts'
import type { Fields } from '../http1/fields.ts'
import type { UpstreamCall } from '../ports/upstream-client.ts'
import type { Downstream } from './downstream.ts'
import type { LockView } from './lock-view.ts'
import type { PiiScan } from './pii-scan.ts'
import type { Picked } from './json-pick.ts'
import type { Request } from './request.ts'
import type { Response } from './response.ts'

export type RequestReason = NonNullable<Extract<AuditRecord, { kind: 'request' }>['reason']>

/** A body that has been read whole, so that it could be judged. */
export interface JudgedBody {
  /** As they came. */
  readonly chunks: readonly Buffer[]
  /** By the JSON Pointer of its source. */
  readonly picked: ReadonlyMap<string, Picked>
}

/** Reads what the route records of the exchange, as it passes. */
export interface Detail {
  /** Then the upstream is asked for an answer that is not compressed. */
  readonly readsAnswer: boolean
  /** A piece of the request's body. */
  takeBody(chunk: Buffer): void
  takeHead(fields: Fields): void
  takeAnswer(chunk: Buffer): void
  /** What the record of the outcome has of it. A second record of one exchange has the same. */
  seal(time: Instant): SealedDetail
}

/** Owned by one request; written by the stages in their order. */
export class Exchange {
  readonly request: Request
  readonly response: Response
  /** Its connection, on which it is the one open exchange. */
  readonly downstream: Downstream
  readonly id: string
  readonly method: string
  /** Who is calling: `unix` where the peer has no address. */
  readonly address: string
  /** The other end of the socket. */
  readonly peer: string
  /** Whether the direct peer is a trusted proxy, whose forwarding headers are believed and extended. */
  readonly viaTrustedProxy: boolean
  readonly startedAt: Instant
  readonly startedMs: number
  /** A canary of our own asks only to be refused: it is never forwarded, counted or recorded as traffic. */
  readonly isCanary: boolean
  /** Its place among those in flight. */
  slot = -1

  target: Target | undefined
  /** The protocol that the request asks to switch to. */
  upgrade: 'websocket' | undefined
  /** Set by receive where the request itself is at fault. */
  refusal: Denial | undefined
  route: Route | undefined
  params: Readonly<Record<string, string>> = {}
  session: Session | undefined
  /** To be told with the answer, for the proofs to come (RFC 9449, 8.2). */
  nonce: string | undefined
  subjects: readonly string[] = []
  /** Of a route that judges by its body, once it has been read. */
  body: JudgedBody | undefined
  /** Pseudonyms of the people that the answer names, where the route says where it does. */
  returned: readonly string[] = []
  allowance: Allowance | undefined
  /** What the detectors of people have judged; absent where they do not look. */
  facts: Facts | undefined
  /** The detectors of people ask for this wait, once. */
  delayMs = 0
  /** Throttled once: a second admission (after a stale permit) does not count the request again. */
  counted = false
  /** The impact ring has it: a second admission is no second request. */
  isNoted = false
  permit: Permit | undefined
  /** What cut this exchange: a lock, a revocation, or a lease that ran out on a route that is frozen then. */
  severedBy: Lock | 'revoked' | 'stale' | undefined
  /** Set by the stage that waits: ends the wait now, because the exchange has been severed or its request is at fault. */
  interrupt: (() => void) | undefined
  /** Set by the stage that waits: the caller has gone. */
  onDownstreamClose: (() => void) | undefined
  call: UpstreamCall | undefined

  decision: DecisionLabel = 'error'
  reason: RequestReason | undefined
  lock: Lock | undefined
  epoch = 0
  /** The path as records have it, once one has been written. */
  recordedPath: string | undefined
  /** The trail has been told that it was let through. */
  decisionRecorded = false
  outcomeRecorded = false
  /** The record that a receipt would be of: on a strict route the last one. Nothing leaves before it is durable. */
  receiptEntry: string | undefined
  status = 0
  bytesSent = 0
  /** Body bytes given to the socket in the turn `turn`: those that may have left after an epoch that this turn did not see. */
  turn = -1
  turnBytes = 0
  lookedMs = 0
  /** Of a tunnel. */
  bytesReceived = 0
  /** Reads the answer as it passes, where the route asks for it. */
  pii: PiiScan | undefined
  /** What its route records beside who asked whom. */
  detail: Detail | undefined
  upstreamStartedMs: number | undefined
  upstreamMs: number | undefined

  /** Changes nothing at the upstream: a tunnel may carry anything. */
  get isSafe(): boolean {
    return this.upgrade === undefined && isSafeMethod(this.method)
  }

  /** So many bytes of the body were given to the socket, in this turn of the view. */
  gave(bytes: number, view: Pick<LockView, 'turn' | 'lookedMs'>): void {
    if (this.turn !== view.turn) {
      this.turn = view.turn
      this.turnBytes = 0
    }
    this.turnBytes += bytes
    this.lookedMs = view.lookedMs
  }

  /** Asks for the body, once (RFC 9110, 10.1.1). */
  writeContinue(): void {
    if (this.#continued) return
    this.#continued = true
    this.response.writeContinue()
  }

  #continued = false

  /** The upstream's answer has begun, by the monotonic clock. */
  hear(nowMs: number): void {
    this.upstreamMs = nowMs - (this.upstreamStartedMs ?? this.startedMs)
  }

  constructor(facts: {
    request: Request
    response: Response
    downstream: Downstream
    id: string
    address: string
    viaTrustedProxy: boolean
    startedAt: Instant
    startedMs: number
  }) {
    this.request = facts.request
    this.response = facts.response
    this.downstream = facts.downstream
    this.id = facts.id
    this.method = facts.request.method
    this.address = facts.address
    this.peer = facts.downstream.peer
    this.viaTrustedProxy = facts.viaTrustedProxy
    this.startedAt = facts.startedAt
    this.startedMs = facts.startedMs
    this.isCanary = facts.downstream.isCanary
  }
}

/** nginx's number for a caller that went away before it was answered; it is recorded and counted, never sent. */
export const CLIENT_CLOSED = 499

/** Names the drill that a canary is of. */
export const DRILL_FIELD = 'portcullis-drill'

/** What locks are matched against. It only ever grows: people are known once the session is. */
export function lockTargetOf(exchange: Exchange, route: Route): LockTarget {
  const { session } = exchange
  return {
    route,
    method: exchange.method,
    isTunnel: exchange.upgrade !== undefined,
    address: exchange.address,
    userAgent: exchange.request.fields.first('user-agent') ?? '',
    subjects: exchange.subjects,
    // Of a canary of our own alone: a caller cannot meet the lock of a drill, nor tell that there is one.
    drill: exchange.isCanary ? exchange.request.fields.first(DRILL_FIELD) : undefined,
    principal: session?.principal,
    session: session?.session,
    clients: session?.clients,
  }
}
