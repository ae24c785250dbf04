// An answer that says whose record it is: held back until it is known that the session owns it, or that nobody can tell.
import type { Denial } from '../core/decision.ts'
import type { ResponsePolicy } from '../core/policy.ts'
import type { Route } from '../core/route.ts'
import { NOT_OWNER, ownsAll } from '../core/session.ts'
import { hasNoBody } from '../http1/framing.ts'
import type { Fields } from '../http1/fields.ts'
import { isPlainJson } from './content-type.ts'
import { isDestination } from './destination.ts'
import type { Exchange } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import { JsonPick, type JsonPicked, type Picked } from './json-pick.ts'
import { planFor } from './judged-body.ts'
import { checkReturned } from './people.ts'

export interface JudgeEvents {
  /** It may leave, from what has been held back on; `isWhole`: all of it is here. */
  readonly onPass: (held: readonly Buffer[], isWhole: boolean) => void
  /** The same of a whole one, when its end was told some turns ago. */
  readonly onLatePass: (held: readonly Buffer[]) => void
  /** It may not, and nothing of it has left. */
  readonly onRefused: (denial: Denial) => void
}

type Verdict = 'pass' | 'hold' | Denial
/** Of a whole answer. */
type Judged = 'pass' | Denial

const UNJUDGED: Denial = { denied: 'response-unjudged' }

type Plan = ReturnType<typeof planFor>
const plans = new WeakMap<ResponsePolicy, Plan>()

function planOf(policy: ResponsePolicy): Plan {
  let plan = plans.get(policy)
  if (plan === undefined) {
    plan = planFor([...policy.owner.map(({ pointer }) => pointer), ...policy.number, ...policy.subjects])
    plans.set(policy, plan)
  }
  return plan
}

/**
 * Fields of a request that would make its answer one that cannot be judged: part of a record, one under a coding, or the word
 * that a stranger's record has not changed. They are not forwarded where answers are judged; a server may always do without.
 */
export const UNFORWARDED: ReadonlySet<string> = new Set([
  'accept-encoding',
  'range',
  'if-range',
  'if-none-match',
  'if-modified-since',
  'a-im',
])

/** Undefined where the route does not ask for it. */
export function judgeOf(
  exchange: Exchange,
  route: Route,
  gateway: Gateway,
  events: JudgeEvents,
): JudgedResponse | undefined {
  const { response } = route.policy
  return response === undefined ? undefined : new JudgedResponse(exchange, route, response, { gateway, events })
}

/** Each step returns whether the answer goes on from here as any other does; else it is held back, or has been refused. */
class JudgedResponse {
  readonly #exchange: Exchange
  readonly #gateway: Gateway
  readonly #events: JudgeEvents
  readonly #route: Route
  readonly #policy: ResponsePolicy
  readonly #plan: Plan
  #pick: JsonPick | undefined
  readonly #held: Buffer[] = []
  #isRecord = false

  constructor(
    exchange: Exchange,
    route: Route,
    policy: ResponsePolicy,
    { gateway, events }: { readonly gateway: Gateway; readonly events: JudgeEvents },
  ) {
    this.#exchange = exchange
    this.#gateway = gateway
    this.#events = events
    this.#route = route
    this.#policy = policy
    this.#plan = planOf(policy)
  }

  takeHead(status: number, fields: Fields, length: number | undefined): boolean {
    return this.#follow(this.#judgeHead(status, fields, length), false)
  }

  takeData(chunk: Buffer): boolean {
    this.#held.push(chunk)
    return this.#follow(this.#pick?.write(chunk) === true ? 'hold' : this.#unknown(), false)
  }

  end(): boolean {
    const result = this.#pick?.end()
    const isReadable = result !== undefined && !('problem' in result) && !result.isAmbiguous
    const verdict = isReadable ? this.#judge(result) : this.#unknown()
    if (typeof verdict === 'string' || !('then' in verdict)) return this.#follow(verdict, true)
    void verdict.then((late) => {
      if (late === 'pass') this.#events.onLatePass(this.#held)
      else this.#events.onRefused(late)
    })
    return false
  }

  #follow(verdict: Verdict, isWhole: boolean): boolean {
    if (verdict === 'pass') this.#events.onPass(this.#held, isWhole)
    else if (verdict !== 'hold') this.#events.onRefused(verdict)
    return verdict === 'pass'
  }

  #judgeHead(status: number, fields: Fields, length: number | undefined): Verdict {
    this.#isRecord = status >= 200 && status < 300
    // Not modified: the caller's own conditions have not been forwarded, so nobody has asked.
    if (status === 304 || status === 206) return this.#unknown()
    if (this.#exchange.method === 'HEAD') return this.#isRecord ? this.#unknown() : 'pass'
    if (hasNoBody(status) || length === 0) return 'pass'
    if (!isPlainJson(fields) || fields.has('content-range')) return this.#unknown()
    if (length !== undefined && length > this.#policy.bytesMax) return this.#unknown()
    this.#pick = new JsonPick(this.#plan.root, this.#plan.pointers.length, { bytesMax: this.#policy.bytesMax })
    return 'hold'
  }

  /** A record must name its owner, and whose it is. Another answer (an error) need not, but if it does it is judged like one. */
  #judge({ picked }: JsonPicked): Judged | Promise<Judged> {
    const { owner, number, subjects } = this.#policy
    const at = (pointer: string): Picked => picked[this.#plan.pointers.indexOf(pointer)] as Picked
    const needed = [...owner.map(({ pointer }) => pointer), ...number]
    const { session } = this.#exchange
    const owns =
      owner.every(({ pointer, claim }) => ownsAll(session, claim, at(pointer).values)) &&
      number.every((pointer) => isDestination(session, at(pointer).values, this.#gateway.settings))
    if (!owns) return NOT_OWNER
    const isNamed = [...needed, ...subjects].every((pointer) => at(pointer).isWhole)
    const named = this.#isRecord && !isNamed ? this.#unknown() : 'pass'
    if (named !== 'pass') return named
    return this.#count(subjects.flatMap((pointer) => at(pointer).values))
  }

  /** Who has come back, for the trail, the limits and the OTP's budget. */
  #count(values: readonly string[]): Judged | Promise<Judged> {
    if (values.length === 0) return 'pass'
    const exchange = this.#exchange
    const names = new Set<string>()
    for (const value of values) if (value !== '') names.add(this.#gateway.pseudonyms.of('subject', value))
    const returned = [...names]
    const take = (denial: Denial | undefined): Judged => {
      if (denial === undefined) exchange.returned = returned
      return denial ?? 'pass'
    }
    const denial =
      checkReturned(exchange, this.#route, returned, values, this.#gateway) ??
      this.#gateway.settings.spend?.(exchange, this.#route, returned)
    return denial !== undefined && 'then' in denial ? denial.then(take) : take(denial)
  }

  #unknown(): 'pass' | Denial {
    this.#gateway.telemetry.unjudged(this.#route.id)
    return this.#policy.unknown === 'pass' ? 'pass' : UNJUDGED
  }
}

export type { JudgedResponse }
