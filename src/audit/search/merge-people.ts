// Lines of people of many trails into one answer: each is read once, and one line of each is held.
import {
  byReads,
  type FleetReads,
  type FleetWhose,
  isPerson,
  type PeopleLine,
  placeOf,
  type TrailCounts,
  type TrailHead,
  type TrailReads,
} from '../../core/people-lines.ts'

export interface PeopleSource {
  /** What to call it where it is not what it should be. */
  readonly name: string
  readonly lines: AsyncIterable<PeopleLine>
}

interface Open {
  readonly name: string
  readonly lines: AsyncIterator<PeopleLine>
  readonly head: TrailHead & TrailCounts
  next: PeopleLine
  place: string | undefined
  seen: number
}

type Counts = { -readonly [K in 'subjects' | 'subjectsWithoutOtp' | 'principals']: number }

/**
 * Merges the lines of several trails and holds no more than one of each, the `limit` people with most reads, and what `onPerson` keeps.
 * Rejects with an Error that names a source which is cut, out of order, or of a trail that another one is of too.
 */
export async function mergePeople(
  sources: readonly PeopleSource[],
  limit: number,
  onPerson: (person: FleetReads) => void | Promise<void> = () => undefined,
): Promise<Omit<FleetWhose, 'missing'>> {
  const open = await Promise.all(sources.map(begin))
  refuseTwice(open)
  const counts: Counts = { subjects: 0, subjectsWithoutOtp: 0, principals: 0 }
  const keys = new Map<string, Set<string>>()
  const most = new MostReads(limit)
  for (;;) {
    const place = leastOf(open)
    if (place === undefined) break
    const here = open.filter((each) => each.place === place)
    noteKey(keys, place, here)
    const [first] = here
    if (first !== undefined && isPerson(first.next)) {
      const person = personOf(first.next.subject, here)
      counts.subjects += 1
      if (person.withoutOtp > 0) counts.subjectsWithoutOtp += 1
      most.add(person)
      await onPerson(person)
    } else counts.principals += 1
    for (const each of here) await advance(each)
  }
  const trails = open.map(({ head }) => head)
  return {
    ...summed(trails),
    ...counts,
    list: most.list,
    trails,
    keys: [...keys].sort().map(([key, of]) => ({
      key,
      gateways: trails.map(({ gateway }) => gateway).filter((gateway) => of.has(gateway)),
    })),
  }
}

/** One of the sources is not whole, or not what it says. */
export class SourceFault extends Error {
  /** Its name. */
  readonly source: string

  constructor(source: string, what: string) {
    super(`${source}: ${what}`)
    this.source = source
  }
}

async function begin({ name, lines }: PeopleSource): Promise<Open> {
  const iterator = lines[Symbol.asyncIterator]()
  const first = await iterator.next()
  if (first.done === true || !('trail' in first.value))
    throw new SourceFault(name, 'it does not say which trail it is of')
  const open: Open = { name, lines: iterator, head: first.value.trail, next: first.value, place: undefined, seen: 0 }
  await advance(open)
  return open
}

async function advance(open: Open): Promise<void> {
  const before = open.place
  const next = await open.lines.next()
  if (next.done === true) throw new SourceFault(open.name, 'the list of people ends in its middle')
  const { value } = next
  open.next = value
  open.place = placeOf(value)
  if ('end' in value) {
    if (value.end !== open.seen)
      throw new SourceFault(open.name, `the list has ${open.seen} names and should have ${value.end}`)
    return
  }
  open.seen += 1
  if (open.place === undefined || (before !== undefined && open.place <= before))
    throw new SourceFault(open.name, 'the list of people is not in the order of their names')
}

/** The same trail twice would count every read twice. */
function refuseTwice(open: readonly Open[]): void {
  for (const [at, one] of open.entries()) {
    const other = open.slice(0, at).find(({ head }) => head.gateway === one.head.gateway)
    if (other !== undefined)
      throw new SourceFault(
        one.name,
        `${other.name} and this are both the trail of ${one.head.gateway}: give each trail once`,
      )
  }
}

function leastOf(open: readonly Open[]): string | undefined {
  let least: string | undefined
  for (const { place } of open) if (place !== undefined && (least === undefined || place < least)) least = place
  return least
}

function noteKey(keys: Map<string, Set<string>>, place: string, here: readonly Open[]): void {
  const key = place.slice(1, Math.max(1, place.indexOf('.')))
  const gateways = keys.get(key) ?? new Set()
  for (const { head } of here) gateways.add(head.gateway)
  keys.set(key, gateways)
}

function personOf(subject: string, here: readonly Open[]): FleetReads {
  const trails = here.flatMap(({ head, next }): readonly TrailReads[] => {
    if (!isPerson(next)) return []
    const { reads, withoutOtp, first, last, firstEntry, lastEntry } = next
    return [{ gateway: head.gateway, reads, withoutOtp, first, last, firstEntry, lastEntry }]
  })
  return {
    subject,
    reads: sumOf(trails, 'reads'),
    withoutOtp: sumOf(trails, 'withoutOtp'),
    first: Math.min(...trails.map(({ first }) => first)),
    last: Math.max(...trails.map(({ last }) => last)),
    trails,
  }
}

function sumOf<K extends string>(of: readonly Readonly<Record<K, number>>[], name: K): number {
  return of.reduce((sum, each) => sum + each[name], 0)
}

/** What is counted by reads; an exchange is of one gateway, so these add up. */
function summed(
  trails: readonly (TrailHead & TrailCounts)[],
): Pick<FleetWhose, 'reads' | 'withoutOtp' | 'withoutSession' | 'unnamed' | 'first' | 'last' | 'size'> {
  const firsts = trails.flatMap(({ first }) => first ?? [])
  const lasts = trails.flatMap(({ last }) => last ?? [])
  return {
    reads: sumOf(trails, 'reads'),
    withoutOtp: sumOf(trails, 'withoutOtp'),
    withoutSession: sumOf(trails, 'withoutSession'),
    unnamed: sumOf(trails, 'unnamed'),
    size: sumOf(trails, 'size'),
    ...(firsts.length === 0 ? {} : { first: Math.min(...firsts), last: Math.max(...lasts) }),
  }
}

/** The first of a long row, of which twice as many are held at most. */
class MostReads {
  readonly #limit: number
  #held: FleetReads[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  add(person: FleetReads): void {
    this.#held.push(person)
    if (this.#held.length > 2 * this.#limit) this.#held = this.list
  }

  get list(): FleetReads[] {
    return [...this.#held].sort(byReads).slice(0, this.#limit)
  }
}
