// What a route records beside who asked whom (levels Request and RequestResponse): values at the places that it names, read as they
// pass. Nothing is delayed or refused for them; what could not be read is told.
import type { SealedDetail } from '../core/audit-record.ts'
import { hasPii } from '../core/pii.ts'
import type { DetailPolicy, Source } from '../core/policy.ts'
import type { Route } from '../core/route.ts'
import type { Fields } from '../http1/fields.ts'
import { isPlainJson } from './content-type.ts'
import type { Detail, Exchange } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import { JsonPick } from './json-pick.ts'
import { planFor } from './judged-body.ts'
import { readSource } from './sources.ts'

/** Of one body; what comes behind is not read. */
const BODY_BYTES_MAX = 262_144
/** Characters of one value, and of all: an entry of the trail has at most 32 KiB. */
const VALUE_LENGTH_MAX = 512
const LENGTH_MAX = 8_192
/** Each has a key of its own; with more the detail is left out, as nobody could have theirs erased. */
const PEOPLE_MAX = 64

interface Plan {
  readonly policy: DetailPolicy
  /** Not of the body. */
  readonly sources: readonly Source[]
  readonly body: ReturnType<typeof planFor>
  readonly answer: ReturnType<typeof planFor>
  /** Places that hold identifiers, by what the route says elsewhere. */
  readonly identifiers: ReadonlySet<string>
}

const plans = new WeakMap<Route, Plan>()

function planOf(route: Route, policy: DetailPolicy): Plan {
  let plan = plans.get(route)
  if (plan === undefined) {
    const { subjects, session, response } = route.policy
    const named = [...subjects, ...session.bind.map(({ source }) => source), ...(session.number ?? [])]
    const judged = [
      ...(response?.owner ?? []).map(({ pointer }) => pointer),
      ...(response?.number ?? []),
      ...(response?.subjects ?? []),
    ]
    plan = {
      policy,
      sources: policy.request.filter((source) => source.in !== 'body'),
      body: planFor(policy.request.filter((source) => source.in === 'body').map(({ name }) => name)),
      answer: planFor(policy.response),
      identifiers: new Set([...named.map(placeOf), ...judged.map((pointer) => `response.${pointer}`)]),
    }
    plans.set(route, plan)
  }
  return plan
}

/** As the config names it. */
function placeOf({ in: place, name }: Source): string {
  return `${place}.${name}`
}

/** Undefined where the route asks for none, or nothing encrypts it. */
export function detailOf(exchange: Exchange, route: Route, gateway: Gateway): Detail | undefined {
  const { detail } = route.policy
  return detail === undefined || gateway.details === undefined
    ? undefined
    : new ReadDetail(exchange, route, detail, gateway)
}

type Reading = { pick: JsonPick | undefined; isUnread: boolean }

class ReadDetail implements Detail {
  readonly #exchange: Exchange
  readonly #gateway: Gateway
  readonly #route: Route
  readonly #plan: Plan
  readonly #body: Reading = { pick: undefined, isUnread: false }
  readonly #answer: Reading = { pick: undefined, isUnread: false }
  #sealed: SealedDetail | undefined

  constructor(exchange: Exchange, route: Route, policy: DetailPolicy, gateway: Gateway) {
    this.#exchange = exchange
    this.#gateway = gateway
    this.#route = route
    this.#plan = planOf(route, policy)
    const { fields, body } = exchange.request
    if (body !== undefined) begin(this.#body, this.#plan.body, fields)
    // It was read before, to be judged.
    for (const chunk of exchange.body?.chunks ?? []) this.takeBody(chunk)
  }

  get readsAnswer(): boolean {
    return this.#plan.answer.pointers.length > 0
  }

  takeBody(chunk: Buffer): void {
    take(this.#body, chunk)
  }

  takeHead(fields: Fields): void {
    begin(this.#answer, this.#plan.answer, fields)
  }

  takeAnswer(chunk: Buffer): void {
    take(this.#answer, chunk)
  }

  seal(time: number): SealedDetail {
    return (this.#sealed ??= this.#seal(time))
  }

  #seal(time: number): SealedDetail {
    const names = this.#names()
    if (names.length > PEOPLE_MAX) return { keys: [], lost: 'people' }
    const text = JSON.stringify(this.#values())
    const sealed = this.#gateway.details?.seal(names, time, text, this.#exchange.id)
    return sealed ?? { keys: [], lost: 'keys' }
  }

  /** Whom it is about: the people named, else who asked, else nobody but the route. */
  #names(): readonly string[] {
    const { subjects, returned, session } = this.#exchange
    const people = new Set([...subjects, ...returned])
    if (people.size > 0) return [...people]
    return [session?.principal ?? `route:${this.#route.id}`]
  }

  #values(): Readonly<Record<string, unknown>> {
    const values: Record<string, readonly string[]> = {}
    let left = LENGTH_MAX
    let isCut = false
    const put = (place: string, found: readonly string[]): void => {
      const kept: string[] = []
      for (const value of found) {
        const shown = this.#masked(place, value)
        left -= shown.length + 8
        if (left < 0) isCut = true
        else kept.push(shown)
      }
      if (kept.length > 0) values[place] = kept
    }
    for (const source of this.#plan.sources) put(placeOf(source), readSource(this.#exchange, source))
    isCut = putAll(this.#body, this.#plan.body.pointers, 'body.', put) || isCut
    isCut = putAll(this.#answer, this.#plan.answer.pointers, 'response.', put) || isCut
    return isCut ? { ...values, unread: true } : values
  }

  /** What the route says is an identifier, and what looks like one, is a pseudonym here too. */
  #masked(place: string, value: string): string {
    const name = place.replace(/^.*[./]/, '')
    if (this.#plan.identifiers.has(place) || hasPii(value, name)) return this.#gateway.pseudonyms.of('subject', value)
    return value.length > VALUE_LENGTH_MAX ? `${value.slice(0, VALUE_LENGTH_MAX)}…` : value
  }
}

function begin(reading: Reading, plan: Plan['body'], fields: Fields): void {
  if (plan.pointers.length === 0) return
  reading.isUnread = !isPlainJson(fields)
  if (!reading.isUnread) reading.pick = new JsonPick(plan.root, plan.pointers.length, { bytesMax: BODY_BYTES_MAX })
}

function take(reading: Reading, chunk: Buffer): void {
  if (reading.pick === undefined || reading.pick.write(chunk)) return
  reading.pick = undefined
  reading.isUnread = true
}

/** Returns whether something could not be read. */
function putAll(
  reading: Reading,
  pointers: readonly string[],
  prefix: string,
  put: (place: string, values: readonly string[]) => void,
): boolean {
  const result = reading.pick?.end()
  if (result === undefined) return reading.isUnread
  if ('problem' in result) return true
  for (const [index, pointer] of pointers.entries()) put(`${prefix}${pointer}`, result.picked[index]?.values ?? [])
  return result.isAmbiguous
}
