// Who is busiest by client stack, as throttle/cohort tells them apart: counted while somebody watches, and for nobody else.
import { DistinctCount } from '../core/distinct.ts'
import type { CohortCount, CohortCounts } from '../ports/worker-protocol.ts'
import { familyOf } from '../throttle/facts-of.ts'
import type { Exchange } from './exchange.ts'

/** Stacks that are told apart between two takings; anybody can make them up, so those beyond are counted together. */
export const STACKS_MAX = 1_000
/** The busiest are told by name. */
export const TOLD_MAX = 50
/** Names of fields that are told, in characters. */
const FIELDS_LENGTH_MAX = 512

interface Tally {
  requests: number
  refused: number
  readonly addresses: DistinctCount
  readonly people: DistinctCount
}

export class CohortTally {
  readonly #watched: Int32Array
  readonly #stacks = new Map<string, Tally>()
  #others = { requests: 0, refused: 0 }

  /** `watched`: one Int32, shared: not 0 while somebody watches. */
  constructor(watched: SharedArrayBuffer) {
    this.#watched = new Int32Array(watched)
  }

  /** Once for each exchange that has ended. */
  count(exchange: Exchange): void {
    if (Atomics.load(this.#watched, 0) === 0) return
    const { decision, address, subjects, returned } = exchange
    const { fields } = exchange.request
    const stack = `${familyOf(fields.first('user-agent') ?? '')}\n${fields.names.join(', ').slice(0, FIELDS_LENGTH_MAX)}`
    const tally = this.#tallyOf(stack)
    const into = tally ?? this.#others
    into.requests += 1
    if (decision !== 'allow') into.refused += 1
    if (tally === undefined) return
    tally.addresses.add(address)
    for (const person of subjects) tally.people.add(person)
    for (const person of returned) tally.people.add(person)
  }

  /** What came since the last time, the busiest first; undefined where nothing did. */
  take(): CohortCounts | undefined {
    if (this.#stacks.size === 0) return undefined
    const all = [...this.#stacks].toSorted(([, a], [, b]) => b.requests - a.requests)
    const others = this.#others
    this.#stacks.clear()
    this.#others = { requests: 0, refused: 0 }
    for (const [, { requests, refused }] of all.splice(TOLD_MAX)) {
      others.requests += requests
      others.refused += refused
    }
    return { cohorts: all.map(([stack, tally]) => countOf(stack, tally)), others }
  }

  #tallyOf(stack: string): Tally | undefined {
    let tally = this.#stacks.get(stack)
    if (tally === undefined && this.#stacks.size < STACKS_MAX) {
      tally = { requests: 0, refused: 0, addresses: new DistinctCount(), people: new DistinctCount() }
      this.#stacks.set(stack, tally)
    }
    return tally
  }
}

/** Names come from callers: what may be a person's address or number in them is told to nobody. */
function countOf(stack: string, { requests, refused, addresses, people }: Tally): CohortCount {
  const end = stack.indexOf('\n')
  return {
    agent: stack.slice(0, end).replaceAll(/[^\s<>()"',;]+@[^\s<>()"',;]+/g, '…'),
    fields: stack.slice(end + 1).replaceAll(/\d{4,}/g, '#'),
    requests,
    refused,
    addresses: addresses.least,
    people: people.least,
  }
}
