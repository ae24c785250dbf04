// The fleet store of one process: what a gateway without a Redis has, and what tests of a fleet share.
import { ENTRIES_MAX } from '../../core/fleet-limits.ts'
import { checkFleetTexts } from '../../core/fleet-text.ts'
import type { Exchange, FleetEntry, FleetStore, FleetStoreListener } from '../../ports/fleet-store.ts'

export interface MemoryFleet {
  /** The store as the gateway sees it. */
  open(gateway: string): FleetStore
}

interface Content {
  readonly generation: string
  readonly entries: FleetEntry[]
  readonly ids: Set<string>
  readonly roster: Map<string, string>
  rosterVersion: number
  /** Version at which each member's record was put. */
  readonly rosterVersions: Map<string, number>
  readonly heartbeats: Map<string, string>
  /** By order, then by gateway. */
  readonly proofs: Map<string, Map<string, string>>
}

type Listeners = Map<string, FleetStoreListener>

/** Lives as long as the process; proofs are therefore kept without an expiry. `generation` is random, from the caller. */
export function createMemoryFleet(generation: string): MemoryFleet {
  const content: Content = {
    generation,
    entries: [],
    ids: new Set(),
    roster: new Map(),
    rosterVersion: 0,
    rosterVersions: new Map(),
    heartbeats: new Map(),
    proofs: new Map(),
  }
  const listeners: Listeners = new Map()
  return { open: (gateway) => openStore(content, listeners, gateway) }
}

function openStore(content: Content, listeners: Listeners, gateway: string): FleetStore {
  let isClosed = false
  const tell = (act: (listener: FleetStoreListener) => void, to?: readonly string[]): void => {
    // Outside of the call that caused it, as from any other store.
    setImmediate(() => {
      for (const [name, listener] of listeners) if (to === undefined || to.includes(name)) act(listener)
    })
  }
  const step = <T>(act: () => T, bodies: readonly string[] = []): Promise<T> => {
    if (isClosed) return Promise.reject(new Error('the fleet store is closed'))
    const problem = checkFleetTexts([], bodies)
    if (problem !== undefined) return Promise.reject(new Error(problem))
    return Promise.resolve(act())
  }
  return {
    exchange: (request) => step(() => exchange(content, request), [request.heartbeat]),
    snapshot: () => step(() => ({ cursor: String(content.entries.length), pages: pagesOf([...content.entries]) })),
    append: (entries) =>
      step(
        () => {
          const added = append(content, entries)
          for (const entry of added)
            tell((listener) => {
              listener.onEntry(entry)
            })
          return added.length
        },
        entries.map(({ body }) => body),
      ),
    roster: () => step(() => new Map(content.roster)),
    rosterSince: (version) => step(() => rosterSince(content, version)),
    heartbeats: () => step(() => new Map(content.heartbeats)),
    enrol: (name, record, isGone) =>
      step(() => {
        enrol(content, name, record, isGone)
        tell((listener) => {
          listener.onRoster()
        })
      }, [record]),
    putProof: (proof, to) =>
      step(() => {
        const shown = content.proofs.get(proof.order) ?? new Map<string, string>()
        content.proofs.set(proof.order, shown.set(proof.gateway, proof.body))
        tell((listener) => {
          listener.onProof(proof)
        }, to)
      }, [proof.body]),
    proofs: (order) => step(() => new Map(content.proofs.get(order))),
    tell: (text, to) =>
      step(() => {
        tell((listener) => {
          listener.onTold(text)
        }, to)
      }, [text]),
    listen(listener) {
      listeners.set(gateway, listener)
      tell(
        (each) => {
          each.onConnected()
        },
        [gateway],
      )
    },
    close() {
      isClosed = true
      listeners.delete(gateway)
      return Promise.resolve()
    },
  }
}

function rosterSince(content: Content, version: number): Map<string, string> | undefined {
  if (version > content.rosterVersion) return undefined
  return new Map([...content.roster].filter(([name]) => (content.rosterVersions.get(name) ?? 0) > version))
}

function enrol(content: Content, name: string, record: string, isGone: boolean): void {
  content.roster.set(name, record)
  content.rosterVersions.set(name, ++content.rosterVersion)
  if (isGone) content.heartbeats.delete(name)
}

function append(content: Content, entries: readonly FleetEntry[]): readonly FleetEntry[] {
  return entries.filter((entry) => {
    if (content.ids.has(entry.id)) return false
    content.ids.add(entry.id)
    content.entries.push(entry)
    return true
  })
}

type Request = Parameters<FleetStore['exchange']>[0]

/** A cursor is how many entries came before it. */
function exchange(content: Content, { gateway, heartbeat, cursor, wanted }: Request): Exchange {
  content.heartbeats.set(gateway, heartbeat)
  const heartbeats = new Map<string, string>()
  for (const name of [gateway, ...wanted]) {
    const beat = content.heartbeats.get(name)
    if (beat !== undefined) heartbeats.set(name, beat)
  }
  const { generation, rosterVersion } = content
  const from = /^\d{1,15}$/.test(cursor) ? Number(cursor) : Infinity
  if (from > content.entries.length) {
    return { generation, rosterVersion, cursor: '', entries: [], isMore: false, isCursorLost: true, heartbeats }
  }
  const entries = content.entries.slice(from, from + ENTRIES_MAX)
  const next = from + entries.length
  const isMore = next < content.entries.length
  return { generation, rosterVersion, cursor: String(next), entries, isMore, isCursorLost: false, heartbeats }
}

async function* pagesOf(entries: readonly FleetEntry[]): AsyncGenerator<readonly FleetEntry[]> {
  for (let at = 0; at < entries.length; at += ENTRIES_MAX) yield entries.slice(at, at + ENTRIES_MAX)
}
