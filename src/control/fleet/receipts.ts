// Numbers for what this gateway accepts, signed by its key: peers then take the order without judging its times again.
import { isLocking } from '../../core/responder.ts'
import type { FleetSeal } from '../../ports/fleet-seal.ts'
import { canonicalJson } from '../../core/canonical-json.ts'
import type { DeskFleet } from '../desk-fleet.ts'
import type { Receipt, Refreeze } from '../../core/fleet-messages.ts'
import type { Shelf } from './shelf.ts'

export interface ReceiptDeps {
  readonly fleet: string
  readonly seal: FleetSeal
  readonly shelf: Shelf
  /** 16 hex digits of this run: what a crash has lost of an earlier one is never numbered again. */
  readonly run: string
}

/** A number is given again until what it was given to stands on the shelf: what did not take effect leaves no gap. */
export function createReceipts({ fleet, seal, shelf, run }: ReceiptDeps): DeskFleet {
  const digits = seal.gateway.slice(-12)
  const number = (kind: 'l' | 'r'): { readonly writer: string; readonly seq: number } => {
    const writer = `${digits}-${run}${kind}`
    return { writer, seq: shelf.next(writer) }
  }
  return {
    name: fleet,
    receipt({ id, at, guard, statement }, epoch) {
      const given = number(isLocking(statement.order.kind) ? 'l' : 'r')
      const receipt: Receipt = { order: id, gateway: seal.gateway, ...given, epoch, at: Math.round(at), guard }
      return { ...given, epoch, text: seal.seal('receipt', canonicalJson(receipt)) }
    },
    refreezeReceipt({ release, at, why }, epoch) {
      const given = number('l')
      const words: Refreeze = { release, gateway: seal.gateway, ...given, epoch, at, why }
      return { ...given, epoch, text: seal.seal('refreeze', canonicalJson(words)) }
    },
  }
}
