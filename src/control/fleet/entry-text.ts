// An order as it travels: its own words, and the receipt of the gateway that accepted it.
import type { OrderNumber } from '../../core/order-numbers.ts'
import type { FleetEntry } from '../../ports/fleet-store.ts'

export interface TravellingOrder {
  readonly jws: string
  /** Absent where somebody put the order into the store by hand. */
  readonly receipt?: string
}

export function entryText(order: string, { writer, seq }: OrderNumber, travelling: TravellingOrder): FleetEntry {
  return {
    id: `${order}/${writer}/${seq}`,
    body: JSON.stringify({ v: 1, order: travelling.jws, receipt: travelling.receipt }),
  }
}

/** Undefined where the text is none of this version. */
export function parseEntryText(body: string): TravellingOrder | undefined {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { v, order, receipt } = value as Readonly<Record<string, unknown>>
  if (v !== 1 || typeof order !== 'string') return undefined
  if (receipt === undefined) return { jws: order }
  return typeof receipt === 'string' ? { jws: order, receipt } : undefined
}
