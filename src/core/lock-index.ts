// Finds the locks that may reach a request by what they name of it, so that ten thousand cost little more than ten.
import { matchesAgent, type LockTarget } from './lock.ts'
import type { LockScope } from './scope.ts'

export type Membership = (address: string) => boolean
export type CompileCidrs = (cidrs: readonly string[]) => Membership

export interface LockIndex<Item> {
  /** Every item whose scope covers the target, and few others; in no order. */
  find(target: LockTarget): readonly Item[]
  readonly size: number
}

/** Dimensions by which an item can be found, the most telling first: the others of its scope are left to the caller. */
const DIMENSIONS = ['sessions', 'subjects', 'principals', 'clients', 'cidrs', 'userAgents'] as const
type Dimension = (typeof DIMENSIONS)[number]

function dimensionOf(scope: LockScope): Dimension | undefined {
  return DIMENSIONS.find((dimension) => scope[dimension] !== undefined)
}

/** Whether the scope names a person, a client, a network or an agent; what does not is the same for all requests of a route. */
export function isIndexed(scope: LockScope): boolean {
  return dimensionOf(scope) !== undefined
}

const NONE: readonly never[] = []

/** Of items for which `isIndexed` holds. */
export function createLockIndex<Item>(
  items: readonly Item[],
  scopeOf: (item: Item) => LockScope,
  compileCidrs: CompileCidrs,
): LockIndex<Item> {
  const by = (dimension: Dimension): readonly Item[] => items.filter((item) => dimensionOf(scopeOf(item)) === dimension)
  const named = (dimension: Dimension): Names<Item> =>
    namesOf(by(dimension), (item) => scopeOf(item)[dimension] ?? NONE)
  const [sessions, subjects, principals, clients] = [
    named('sessions'),
    named('subjects'),
    named('principals'),
    named('clients'),
  ]
  const networks = networksOf(by('cidrs'), (item) => scopeOf(item).cidrs ?? NONE, compileCidrs)
  const agents = agentsOf(by('userAgents'), (item) => scopeOf(item).userAgents ?? NONE)
  return {
    size: items.length,
    find(target) {
      if (items.length === 0) return NONE
      const found: Item[] = []
      add(found, sessions, target.session)
      add(found, principals, target.principal)
      for (const subject of target.subjects) add(found, subjects, subject)
      for (const client of target.clients ?? NONE) add(found, clients, client)
      networks(target.address, found)
      agents(target.userAgent, found)
      return found.length > 1 ? [...new Set(found)] : found
    },
  }
}

type Names<Item> = ReadonlyMap<string, readonly Item[]>

function namesOf<Item>(items: readonly Item[], names: (item: Item) => readonly string[]): Names<Item> {
  const map = new Map<string, Item[]>()
  for (const item of items) {
    for (const name of names(item)) {
      const list = map.get(name)
      if (list === undefined) map.set(name, [item])
      else list.push(item)
    }
  }
  return map
}

function add<Item>(found: Item[], names: Names<Item>, name: string | undefined): void {
  if (name === undefined || names.size === 0) return
  const items = names.get(name)
  if (items !== undefined) found.push(...items)
}

type FindInto<Item> = (key: string, found: Item[]) => void

const LEAF = 4

/**
 * A tree of networks: each node knows whether an address is in any of its own, so that an address outside of all costs one
 * look, and one inside as many as the tree is deep. Halves are made when they are first asked, since a lock must not wait for them.
 */
function networksOf<Item>(
  items: readonly Item[],
  cidrs: (item: Item) => readonly string[],
  compile: CompileCidrs,
): FindInto<Item> {
  if (items.length === 0) return () => undefined
  // Near networks stand together.
  const sorted = items.toSorted((a, b) => ((cidrs(a)[0] ?? '') < (cidrs(b)[0] ?? '') ? -1 : 1))
  return treeOf(sorted, cidrs, compile)
}

function treeOf<Item>(
  items: readonly Item[],
  cidrs: (item: Item) => readonly string[],
  compile: CompileCidrs,
): FindInto<Item> {
  const inside = compile(items.flatMap(cidrs))
  let halves: readonly FindInto<Item>[] | undefined
  return (address, found) => {
    if (!inside(address)) return
    if (items.length <= LEAF) {
      found.push(...items)
      return
    }
    const middle = items.length >>> 1
    halves ??= [treeOf(items.slice(0, middle), cidrs, compile), treeOf(items.slice(middle), cidrs, compile)]
    for (const half of halves) half(address, found)
  }
}

const AGENTS_REMEMBERED_MAX = 1000
/** Longer ones are not remembered: a caller must not fill the memory. */
const AGENT_LENGTH_MAX = 512

/** Names are few and come again and again: what was found for one is remembered. */
function agentsOf<Item>(items: readonly Item[], patterns: (item: Item) => readonly string[]): FindInto<Item> {
  if (items.length === 0) return () => undefined
  const remembered = new Map<string, readonly Item[]>()
  return (agent, found) => {
    let matching = remembered.get(agent)
    if (matching === undefined) {
      matching = items.filter((item) => patterns(item).some((pattern) => matchesAgent(pattern, agent)))
      if (remembered.size >= AGENTS_REMEMBERED_MAX) remembered.clear()
      if (agent.length <= AGENT_LENGTH_MAX) remembered.set(agent, matching)
    }
    if (matching.length > 0) found.push(...matching)
  }
}
