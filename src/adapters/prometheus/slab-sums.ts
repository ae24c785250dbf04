// The main thread's end: what all slabs together have counted, those of dead workers too, so that no counter ever falls.
import { cellsOf, FAMILIES, isFamilyName, type FamilyName } from './families.ts'
import type { SeriesAnnouncement, TelemetrySlab } from './telemetry-slab.ts'

export interface SummedSeries {
  readonly labels: Readonly<Record<string, string>>
  /** One value for a counter; buckets (not cumulative), the rest and the sum for a histogram. */
  readonly values: Float64Array
}

export interface SlabSums {
  /** From now on the thread counts in this slab; what its former one held is kept as a sum, and its memory let go. */
  addSlab(thread: number, slab: TelemetrySlab): void
  /** False where the announcement names nothing that exists. */
  addSeries(thread: number, announcement: SeriesAnnouncement): boolean
  /** Makes a series appear with zero before anything is counted. */
  declare(metric: FamilyName, labels: Readonly<Record<string, string>>): void
  read(metric: FamilyName): readonly SummedSeries[]
}

interface Series {
  readonly labels: Readonly<Record<string, string>>
  /** What slabs that are gone have counted. */
  readonly settled: Float64Array
  readonly sources: Map<number, number[]>
}

export function createSlabSums(): SlabSums {
  const slabs = new Map<number, Float64Array>()
  const families = new Map<FamilyName, Map<string, Series>>()

  const openSeries = (metric: FamilyName, labels: Readonly<Record<string, string>>): Series => {
    const family = families.get(metric) ?? new Map<string, Series>()
    families.set(metric, family)
    const name = JSON.stringify(FAMILIES[metric].labels.map((label) => labels[label] ?? ''))
    const series = family.get(name) ?? {
      labels,
      settled: new Float64Array(cellsOf(metric)),
      sources: new Map<number, number[]>(),
    }
    family.set(name, series)
    return series
  }

  return {
    addSlab: (thread, slab) => {
      const before = slabs.get(thread)
      if (before !== undefined) {
        for (const family of families.values()) {
          for (const series of family.values()) {
            for (const slot of series.sources.get(thread) ?? []) addCells(series.settled, before, slot)
            series.sources.delete(thread)
          }
        }
      }
      slabs.set(thread, new Float64Array(slab.cells))
    },
    addSeries: (thread, { metric, labels, slot }) => {
      const cells = slabs.get(thread)
      if (cells === undefined || !isFamilyName(metric) || slot < 0 || slot + cellsOf(metric) > cells.length)
        return false
      const { sources } = openSeries(metric, labels)
      sources.set(thread, [...(sources.get(thread) ?? []), slot])
      return true
    },
    declare: (metric, labels) => {
      openSeries(metric, labels)
    },
    read: (metric) =>
      [...(families.get(metric)?.values() ?? [])].map(({ labels, settled, sources }) => {
        const values = settled.slice()
        for (const [thread, slots] of sources) {
          const cells = slabs.get(thread)
          if (cells !== undefined) for (const slot of slots) addCells(values, cells, slot)
        }
        return { labels, values }
      }),
  }
}

function addCells(sum: Float64Array, cells: Float64Array, slot: number): void {
  for (let index = 0; index < sum.length; index++) sum[index] = (sum[index] ?? 0) + (cells[slot + index] ?? 0)
}
