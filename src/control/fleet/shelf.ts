// The orders that are here, as they travel: to be delivered to whoever lacks them.
import { OrderNumbers, type Have, type OrderNumber } from '../../core/order-numbers.ts'
import type { FleetEntry } from '../../ports/fleet-store.ts'

export interface Shelf {
  readonly numbers: OrderNumbers
  put(number: OrderNumber, entry: FleetEntry): void
  readonly all: readonly FleetEntry[]
  /** What somebody with this `have` lacks; of writers that a partial one does not name nothing is known. */
  lackedBy(have: Have, isPartial: boolean): readonly FleetEntry[]
  /** The number that the writer gives next. */
  next(writer: string): number
}

export function createShelf(): Shelf {
  const numbers = new OrderNumbers()
  const runs = new Map<string, Map<number, FleetEntry>>()
  return {
    numbers,
    put(number, entry) {
      numbers.add(number)
      const run = runs.get(number.writer) ?? new Map<number, FleetEntry>()
      runs.set(number.writer, run.set(number.seq, entry))
    },
    get all() {
      return [...runs.values()].flatMap((run) => [...run.values()])
    },
    lackedBy(have, isPartial) {
      return [...runs].flatMap(([writer, run]) => {
        const through = have[writer] ?? (isPartial ? Infinity : 0)
        return [...run].flatMap(([seq, entry]) => (seq > through ? [entry] : []))
      })
    },
    next: (writer) => Math.max(0, ...(runs.get(writer)?.keys() ?? [])) + 1,
  }
}
