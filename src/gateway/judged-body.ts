// A request's body that names people: read whole before the upstream is called, judged, and forwarded byte for byte as it came.
import type { Denial } from '../core/decision.ts'
import { compilePointers, parseJsonPointer, type PointerNode } from '../core/json-pointer.ts'
import type { Source } from '../core/policy.ts'
import type { Route } from '../core/route.ts'
import { isPlainJson } from './content-type.ts'
import type { BodySink } from './downstream-sinks.ts'
import { CLIENT_CLOSED, type Exchange } from './exchange.ts'
import { nominated } from './headers.ts'
import { JsonPick, type Picked } from './json-pick.ts'

/** The pointers of a route, compiled once. */
interface Plan {
  readonly pointers: readonly string[]
  readonly root: PointerNode
}

/** What the gateway's own endpoints are asked with. */
export const OWN_POINTERS = ['/number', '/transaction', '/account', '/code'] as const

const plans = new WeakMap<Route, Plan>()

function planOf(route: Route): Plan {
  let plan = plans.get(route)
  if (plan === undefined) {
    const { subjects, session, own } = route.policy
    const sources: readonly Source[] = [
      ...subjects,
      ...session.bind.map(({ source }) => source),
      ...(session.number ?? []),
    ]
    const names = own === undefined ? [] : OWN_POINTERS
    plan = planFor([...names, ...sources.filter((source) => source.in === 'body').map(({ name }) => name)])
    plans.set(route, plan)
  }
  return plan
}

export function planFor(names: readonly string[]): Plan {
  const pointers = [...new Set(names)]
  const parsed = pointers.map((name) => {
    const pointer = parseJsonPointer(name)
    // The config has been checked.
    if ('problem' in pointer) throw new TypeError(`${name}: ${pointer.problem}`)
    return pointer
  })
  return { pointers, root: compilePointers(parsed) }
}

const TOO_LARGE: Denial = { denied: 'body-too-large' }
const NOT_JSON: Denial = { denied: 'unsupported-body' }
const MALFORMED: Denial = {
  denied: 'malformed-request',
  detail: 'The body is no JSON that can be read in one way only.',
}

/** Sets `exchange.body`; resolves to why it cannot be judged, or to undefined. Never rejects. */
export function readJudgedBody(
  exchange: Exchange,
  route: Route,
  bytesMax: number,
): Denial | Promise<Denial | undefined> {
  const { request, downstream } = exchange
  const { fields, framing, body, minor } = request
  // Rack takes a body for a form where no type comes with it.
  if (body === undefined || !isPlainJson(fields) || nominated(fields)?.has('content-type') === true) return NOT_JSON
  if (typeof framing === 'number' && framing > bytesMax) return TOO_LARGE
  return new Promise((resolve) => {
    const end = (denial: Denial | undefined): void => {
      exchange.interrupt = undefined
      exchange.onDownstreamClose = undefined
      downstream.stopBody()
      resolve(denial)
    }
    exchange.interrupt = () => {
      end({ denied: 'view-stale', retryAfterMs: 2_000 })
    }
    exchange.onDownstreamClose = () => {
      exchange.status = CLIENT_CLOSED
      end({ denied: 'malformed-request' })
    }
    if (minor > 0 && fields.has('expect')) exchange.writeContinue()
    downstream.readBody(new Collector(exchange, planOf(route), bytesMax, end))
  })
}

class Collector implements BodySink {
  readonly #exchange: Exchange
  readonly #plan: Plan
  readonly #pick: JsonPick
  readonly #end: (denial: Denial | undefined) => void
  readonly #chunks: Buffer[] = []

  constructor(exchange: Exchange, plan: Plan, bytesMax: number, end: (denial: Denial | undefined) => void) {
    this.#exchange = exchange
    this.#plan = plan
    this.#pick = new JsonPick(plan.root, plan.pointers.length, { bytesMax })
    this.#end = end
  }

  onData(chunk: Buffer): void {
    this.#chunks.push(chunk)
    if (!this.#pick.write(chunk)) this.#end(this.#pick.problem?.problem === 'too-large' ? TOO_LARGE : MALFORMED)
  }

  onEnd(): void {
    const result = this.#pick.end()
    if ('problem' in result) this.#end(result.problem === 'too-large' ? TOO_LARGE : MALFORMED)
    else if (result.isAmbiguous) this.#end(MALFORMED)
    else {
      const picked = new Map(this.#plan.pointers.map((name, index) => [name, result.picked[index] as Picked]))
      this.#exchange.body = { chunks: this.#chunks, picked }
      this.#end(undefined)
    }
  }

  onBroken(detail: string | undefined): void {
    this.#end(detail === undefined ? { denied: 'request-timeout' } : { denied: 'malformed-request', detail })
  }
}
