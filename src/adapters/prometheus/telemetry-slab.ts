// A slab: counters in shared memory. One worker writes, the main thread reads, and no lock is needed between them.
import { bucketsOf, cellsOf, type FamilyName } from './families.ts'

/** Plain data, handed to a worker by structured clone. Each worker has its own, a replaced worker a fresh one. */
export interface TelemetrySlab {
  /** Float64: an aligned 64-bit store is whole on every machine that this runs on, and exact up to 2^53. */
  readonly cells: SharedArrayBuffer
}

/** Where the main thread finds a series: posted once, when the series is first counted. */
export interface SeriesAnnouncement {
  /** The first of the series' cells. */
  readonly slot: number
  readonly metric: FamilyName
  readonly labels: Readonly<Record<string, string>>
}

/** 32 KiB a worker: enough for a hundred routes, which take 30 cells each and one for each method, status and decision. */
const SLOTS = 4096
/** Kept back for the series that count what found no slot. */
const SLOTS_RESERVED = 64

export function createTelemetrySlab(slots = SLOTS): TelemetrySlab {
  return { cells: new SharedArrayBuffer(Math.max(slots, 4 * SLOTS_RESERVED) * Float64Array.BYTES_PER_ELEMENT) }
}

export interface SlabWriter {
  /** The slot of a new series. Once the slab is full, that of the `overflow` series of its metric, which all the rest share. */
  open(metric: FamilyName, labels: Readonly<Record<string, string>>): number
  add(slot: number, count: number): void
  observe(slot: number, bounds: readonly number[], seconds: number): void
}

export function createSlabWriter(
  slab: TelemetrySlab,
  announce: (announcement: SeriesAnnouncement) => void,
): SlabWriter {
  const cells = new Float64Array(slab.cells)
  const overflows = new Map<string, number>()
  let next = 0

  const take = (metric: FamilyName, labels: Readonly<Record<string, string>>): number => {
    const slot = next
    next += cellsOf(metric)
    announce({ slot, metric, labels })
    return slot
  }
  const add = (slot: number, count: number): void => {
    cells[slot] = (cells[slot] ?? 0) + count
  }

  return {
    open: (metric, labels) => {
      if (next + cellsOf(metric) <= cells.length - SLOTS_RESERVED) return take(metric, labels)
      const shared = overflowLabels(labels)
      const name = JSON.stringify([metric, shared])
      const slot = overflows.get(name) ?? take(metric, shared)
      overflows.set(name, slot)
      return slot
    },
    add,
    observe: (slot, bounds, seconds) => {
      const value = seconds > 0 ? seconds : 0
      let bucket = 0
      while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1
      add(slot + bucket, 1)
      add(slot + bounds.length + 1, value)
    },
  }
}

/** The decision is kept, so that refusals are still told from answers. */
function overflowLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name, name === 'decision' ? value : 'overflow']),
  )
}

export function boundsOf(metric: FamilyName): readonly number[] {
  return bucketsOf(metric) ?? []
}
