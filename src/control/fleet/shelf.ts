// The orders that are here, as they travel: to be delivered to whoever lacks them.
import { gatewayName, OrderNumbers, writerGateway, type Have, type OrderNumber } from '../../core/order-numbers.ts'
import type { FleetEntry } from '../../ports/fleet-store.ts'

export interface Shelf {
  readonly numbers: OrderNumbers
  put(number: OrderNumber, entry: FleetEntry): void
  readonly all: readonly FleetEntry[]
  /** What somebody with this `have` lacks; of writers that a partial one does not name nothing is known. */
  lackedBy(have: Have, isPartial: boolean): readonly FleetEntry[]
  /** The number that the writer gives next: one that is this gateway's own. */
  next(writer: string): number
  /** Name of the gateway that accepted the order. */
  gatewayOf(order: string): string | undefined
}

export function createShelf(): Shelf {
  const numbers = new OrderNumbers()
  const runs = new Map<string, Map<number, FleetEntry>>()
  const gateways = new Map<string, string>()
  return {
    numbers,
    put(number, entry) {
      numbers.add(number)
      const run = runs.get(number.writer) ?? new Map<number, FleetEntry>()
      runs.set(number.writer, run.set(number.seq, entry))
      gateways.set(orderOf(entry), gatewayName(writerGateway(number.writer)))
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
    next: (writer) => (runs.get(writer)?.size ?? 0) + 1,
    gatewayOf: (order) => gateways.get(order),
  }
}

function orderOf({ id }: FleetEntry): string {
  return id.slice(0, id.indexOf('/'))
}
