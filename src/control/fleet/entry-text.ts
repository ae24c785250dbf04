// An order as it travels: its own words, and the receipt of the gateway that accepted it. And the end of a thaw plan, in the words of
// the gateway that ended it.
import type { OrderNumber } from '../../core/order-numbers.ts'
import type { OrderReceipt } from '../../core/ledger-entry.ts'
import type { FleetEntry } from '../../ports/fleet-store.ts'

export interface TravellingOrder {
  readonly jws: string
  /** Absent where somebody put the order into the store by hand. */
  readonly receipt?: string
}

interface TravellingRefreeze {
  /** The envelope. */
  readonly refreeze: string
}

export function entryText(order: string, { writer, seq }: OrderNumber, travelling: TravellingOrder): FleetEntry {
  return {
    id: `${order}/${writer}/${seq}`,
    body: JSON.stringify({ v: 1, order: travelling.jws, receipt: travelling.receipt }),
  }
}

/** Its id is none of an order: who accepted the release stays known. */
export function refreezeText(release: string, { writer, seq, text }: OrderReceipt): FleetEntry {
  return { id: `refreeze-${release}/${writer}/${seq}`, body: JSON.stringify({ v: 1, refreeze: text }) }
}

/** Undefined where the text is none of this version. */
export function parseEntryText(body: string): TravellingOrder | TravellingRefreeze | undefined {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { v, order, receipt, refreeze } = value as Readonly<Record<string, unknown>>
  if (v === 1 && typeof refreeze === 'string') return { refreeze }
  if (v !== 1 || typeof order !== 'string') return undefined
  if (receipt === undefined) return { jws: order }
  return typeof receipt === 'string' ? { jws: order, receipt } : undefined
}
