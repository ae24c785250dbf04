// Stage 4: a Permit becomes an upstream request, streamed both ways, and is cut when a lock lands.
import { labelOf, type Denial } from '../../core/decision.ts'
import type { Permit } from '../../core/permit.ts'
import type { UpstreamCall, UpstreamFailure, UpstreamSink } from '../../ports/upstream-client.ts'
import { CLIENT_CLOSED, type Exchange } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { overtakenBy } from '../in-flight.ts'
import { refusesWhenStale } from '../lock-view.ts'
import { judgeOf, type JudgedResponse } from '../judged-response.ts'
import { RelayRecord } from '../relay-record.ts'
import { outgoingBody, type OutgoingBody } from '../request-body.ts'
import { upstreamRequestOf } from '../upstream-request.ts'
import type { Fields } from '../../http1/fields.ts'
import { ResponseWriter } from '../response-writer.ts'
import { Tunnel } from '../tunnel.ts'

/** `done`: the response has left, or both sides have been cut. `stale`: the permit's epoch has passed, back to admit. */
export type ForwardEnd = 'done' | 'stale' | Denial | UpstreamFailure

const UNAVAILABLE: Denial = { denied: 'audit-unavailable', retryAfterMs: 5_000 }

/** Rejects where a port fails: the call has been ended then. */
export function forward(exchange: Exchange, permit: Permit, gateway: Gateway): Promise<ForwardEnd> {
  return new Promise((resolve, reject) => {
    new Relay(exchange, permit, gateway, { resolve, reject }).start()
  })
}

type Settled = Omit<PromiseWithResolvers<ForwardEnd>, 'promise'>

class Relay implements UpstreamSink {
  readonly #exchange: Exchange
  readonly #permit: Permit
  readonly #gateway: Gateway
  readonly #settled: Settled
  readonly #writer: ResponseWriter
  readonly #record: RelayRecord
  readonly #body: OutgoingBody | undefined
  /** Until the answer has been judged, where the route asks for it: it is held back whole. */
  #judge: JudgedResponse | undefined
  #finished = false
  #upstreamEnded = false
  #tunnel: Tunnel | undefined

  constructor(exchange: Exchange, permit: Permit, gateway: Gateway, settled: Settled) {
    this.#exchange = exchange
    this.#permit = permit
    this.#gateway = gateway
    this.#settled = settled
    this.#record = new RelayRecord(exchange, permit.route.policy.audit, gateway)
    this.#body = outgoingBody(exchange, {
      bytesMax: gateway.settings.bodyBytesMax,
      mayPass: () => this.#safely(() => this.#mayFlow()) ?? false,
      onRefused: (refusal) => {
        exchange.refusal = refusal
        this.#interrupted()
      },
    })
    const events = { onPass: this.#release, onLatePass: this.#releaseLate, onRefused: this.#refuseAnswer }
    this.#judge = judgeOf(exchange, permit.route, gateway, events)
    this.#writer = new ResponseWriter(exchange, gateway, permit.route.policy.audit === 'strict', {
      onDrain: () => {
        exchange.call?.resume()
      },
      onStalled: () => {
        exchange.reason = 'aborted'
        this.#cut()
      },
    })
  }

  start(): void {
    const exchange = this.#exchange
    exchange.interrupt = this.#interrupted
    exchange.onDownstreamClose = this.#onDownstreamClose
    if (overtakenBy(exchange) !== undefined || exchange.response.isGone) {
      this.#interrupted()
      return
    }
    const request = upstreamRequestOf(exchange, this.#permit.route, this.#gateway)
    const call = this.#gateway.settings.upstreams.send(request, this)
    if (!this.#finished) exchange.call = call
  }

  onStart(call: UpstreamCall): boolean {
    return this.#safely(() => this.#begin(call)) ?? false
  }

  onHeadSent(call: UpstreamCall): void {
    this.#safely(() => {
      this.#body?.begin(call)
    })
  }

  onHead(status: number, statusText: string, fields: Fields, length: number | undefined, isWhole: boolean): void {
    this.#safely(() => {
      this.#exchange.hear(this.#gateway.clock.monotonicMs())
      this.#writer.takeHead(status, statusText, fields, length)
      if (this.#judge?.takeHead(status, fields, length) === false) return
      // What has come whole waits for its outcome's record, which says all that its decision's would.
      if (!isWhole) this.#open()
    })
  }

  onDrain(): void {
    if (this.#tunnel === undefined) this.#body?.resume()
    else this.#tunnel.resume()
  }

  /** The decision of a handshake is durable already: it was judged as unsafe. */
  onSwitch(fields: Fields): void {
    this.#safely(() => {
      this.#exchange.hear(this.#gateway.clock.monotonicMs())
      if (this.#permit.route.policy.response?.unknown === 'refuse') {
        this.#refuseAnswer({ denied: 'response-unjudged' })
        return
      }
      this.#tunnel = new Tunnel(this.#exchange, this.#gateway, () => this.#safely(() => this.#mayFlow()) ?? false)
      this.#tunnel.open(fields)
    })
  }

  onData(chunk: Buffer): boolean {
    return this.#safely(() => !this.#mayFlow() || this.#takeData(chunk)) ?? true
  }

  onEnd(): void {
    if (this.#finished) return
    this.#upstreamEnded = true
    if (this.#safely(() => this.#judge?.end() ?? true) === true) this.#complete()
  }

  onFailure(failure: UpstreamFailure): void {
    if (this.#finished) return
    const exchange = this.#exchange
    if (!exchange.response.headSent) {
      this.#finish(failure)
      return
    }
    exchange.decision = 'error'
    exchange.reason = 'upstream'
    this.#cut()
  }

  #takeData(chunk: Buffer): boolean {
    if (this.#tunnel !== undefined) return this.#tunnel.takeData(chunk)
    if (this.#judge === undefined) return this.#writer.takeData(chunk)
    this.#judge.takeData(chunk)
    return true
  }

  /** The answer goes the way of any other from here on, with what has been held back of it. */
  readonly #release = (held: readonly Buffer[], isWhole: boolean): void => {
    this.#judge = undefined
    for (const chunk of held) this.#writer.takeData(chunk)
    if (!isWhole && held.length > 0) this.#open()
  }

  /** The whole of it was here before it was known that it may leave. */
  readonly #releaseLate = (held: readonly Buffer[]): void => {
    this.#safely(() => {
      this.#release(held, true)
      this.#complete()
    })
  }

  /** Nothing of the answer has left. The trail tells that it was asked for, and that it was not given. */
  readonly #refuseAnswer = (denial: Denial): void => {
    if (this.#finished) return
    this.#record.tellDecision()
    this.#finish(denial)
  }

  /** In the turn in which the first bytes would be written: the permit's epoch once more, and what has landed since. */
  #begin(call: UpstreamCall): boolean {
    const exchange = this.#exchange
    const { view, clock } = this.#gateway
    exchange.call = call
    if (!view.isCurrent(this.#permit.epoch) || !this.#mayFlow()) {
      this.#finish('stale')
      return false
    }
    exchange.upstreamStartedMs ??= clock.monotonicMs()
    // Now and not before: a refusal goes out without a 100 ahead of it, and the caller keeps its body.
    const { fields, minor } = exchange.request
    if (minor > 0 && fields.has('expect')) exchange.writeContinue()
    return true
  }

  /** A safe method's decision is written now (an unsafe one's has been in record), and on a strict route waited for. */
  #open(): void {
    if (this.#record.decide(this.#decided)) this.#writer.open()
  }

  readonly #decided = (held: boolean): void => {
    this.#safely(() => {
      if (!held) this.#abandon()
      else if (!this.#upstreamEnded && this.#mayFlow() && this.#writer.open()) this.#exchange.call?.resume()
    })
  }

  /** Every byte has come: the outcome is recorded, then the last byte leaves. */
  #complete(): void {
    this.#safely(() => {
      this.#exchange.bytesSent += this.#writer.heldBytes
      this.#record.conclude(this.#recorded)
    })
  }

  readonly #recorded = (held: boolean): void => {
    this.#safely(() => {
      if (!held) this.#abandon()
      else if (this.#mayFlow()) this.#endResponse()
    })
  }

  #endResponse(): void {
    const done = (): void => {
      // Its end became known before the answer had left: the record must not say that it got one.
      if (this.#exchange.response.isGone) this.#onDownstreamClose()
      else this.#finish('done')
    }
    if (this.#tunnel === undefined) this.#writer.end(done)
    else
      this.#exchange.response.end(undefined, () => {
        this.#finish('done')
      })
  }

  /** No response without a record: where nothing has been sent the caller is told, else the response is cut short. */
  #abandon(): void {
    if (this.#finished) return
    this.#exchange.decision = 'error'
    this.#exchange.reason = 'audit-unavailable'
    if (this.#exchange.response.headSent) this.#cut()
    else this.#finish(UNAVAILABLE)
  }

  readonly #onDownstreamClose = (): void => {
    if (this.#finished) return
    const exchange = this.#exchange
    exchange.reason = 'aborted'
    // What has been recorded was that all of it would leave.
    exchange.outcomeRecorded = false
    if (!exchange.response.headSent) exchange.status = CLIENT_CLOSED
    this.#finish('done')
  }

  /**
   * Whether bytes may pass now: the table is taken in this same turn where it is newer, and severs what it covers; where
   * the lease has run out the route's posture decides. Two atomic loads a chunk.
   */
  #mayFlow(): boolean {
    const { view, clock, inFlight } = this.#gateway
    const exchange = this.#exchange
    const isKnown = view.current !== undefined
    if (exchange.severedBy !== undefined) return false
    const isFresh = isKnown && view.isFresh(clock)
    if (isFresh || (isKnown && !refusesWhenStale(this.#permit.route, exchange.isSafe))) return true
    inFlight.cut(exchange, 'stale')
    return false
  }

  /** A lock has landed, the request is at fault, or the drain is over: both sides end now. */
  readonly #interrupted = (): void => {
    if (this.#finished) return
    const exchange = this.#exchange
    const { severedBy, response } = exchange
    if (response.isGone) {
      this.#onDownstreamClose()
      return
    }
    const denial = overtakenBy(exchange)
    if (denial !== undefined && !response.headSent) {
      // A refusal's one record would hide that the upstream has been called: the decision that let it is told as well.
      if (exchange.upstreamStartedMs !== undefined) this.#record.tellDecision()
      this.#finish(denial)
      return
    }
    if (denial !== undefined) exchange.decision = labelOf(denial)
    exchange.lock = denial?.lock
    exchange.reason = severedBy === undefined ? 'aborted' : 'severed'
    exchange.outcomeRecorded = false
    this.#cut()
  }

  /** The caller must see an abort, never a body that ends well (nginx-tests: no-last-chunk). */
  #cut(): void {
    const { call } = this.#exchange
    if (this.#tunnel === undefined) this.#exchange.downstream.reset()
    else this.#tunnel.sever()
    // Of a thousand that one lock cuts, every caller is cut before any upstream is: later in this turn, with all that settles.
    this.#exchange.call = undefined
    queueMicrotask(() => {
      call?.abort()
    })
    this.#finish('done')
  }

  /** A port that fails fails the exchange, not the connection to the upstream alone. */
  #safely<T>(step: () => T): T | undefined {
    if (this.#finished) return undefined
    try {
      return step()
    } catch (error) {
      this.#fail(error)
      return undefined
    }
  }

  #fail(error: unknown): void {
    if (this.#finished) return
    this.#end()
    this.#settled.reject(error)
  }

  #finish(end: ForwardEnd): void {
    if (this.#finished) return
    this.#end()
    this.#settled.resolve(end)
  }

  #end(): void {
    const exchange = this.#exchange
    this.#finished = true
    this.#writer.dispose()
    // From here on there is nothing left to sever.
    exchange.permit = undefined
    exchange.interrupt = undefined
    exchange.onDownstreamClose = undefined
    exchange.call?.abort()
    this.#body?.stop()
  }
}
