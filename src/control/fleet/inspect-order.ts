// An order that others say was accepted: whatever carried it, everything is checked here again (docs/decisions/0010).
import type { Receipt } from '../../core/fleet-messages.ts'
import { parseReceipt } from '../../core/fleet-messages.ts'
import { isOpeningWriter, writerGateway } from '../../core/order-numbers.ts'
import type { Statement } from '../../core/order.ts'
import { parseStatement } from '../../core/parse-statement.ts'
import { isLocking, mayOrder, type Responder } from '../../core/responder.ts'
import type { FleetSeal } from '../../ports/fleet-seal.ts'
import type { OrderVerifier } from '../../ports/order-verifier.ts'
import { checkAudience } from '../desk-fleet.ts'
import { ORDER_TYP } from '../replay-journal.ts'

/** An order whose signature, signer and receipt hold. */
export interface ForeignOrder {
  readonly id: string
  readonly jws: string
  readonly statement: Statement
  readonly by: Responder
  readonly receipt: Receipt
  readonly receiptText: string
}

export interface InspectDeps {
  readonly fleet: string
  readonly seal: Pick<FleetSeal, 'open' | 'peek'>
  readonly verifier: OrderVerifier
  /** Of this gateway's own config and of enrolments by order. */
  readonly responders: () => readonly Responder[]
}

export type Inspected = ForeignOrder | { readonly refused: string }

/** The receipt has been opened. */
export async function inspectOrder(
  jws: string,
  receipt: Receipt,
  receiptText: string,
  deps: InspectDeps,
): Promise<Inspected> {
  const verified = await deps.verifier.verify(jws, ORDER_TYP, deps.responders())
  if ('refused' in verified) return { refused: verified.detail }
  const { id, by, payload } = verified
  if (id !== receipt.order) return { refused: 'its receipt is of another order' }
  const statement = parseStatement(payload)
  if ('problems' in statement) return { refused: statement.problems.join('; ') }
  const refused = checkSigner(statement, by, receipt) ?? checkAudience(statement, deps.fleet)
  return refused === undefined ? { id, jws, statement, by, receipt, receiptText } : { refused }
}

/** The receipt, where a gateway of the fleet signed it with its own name and number. */
export function openReceipt(text: string, seal: Pick<FleetSeal, 'open'>): Receipt | undefined {
  const opened = seal.open('receipt', text)
  const receipt = opened && parseReceipt(opened.payload)
  if (receipt === undefined || receipt.gateway !== opened?.gateway) return undefined
  return receipt.gateway.endsWith(`-${writerGateway(receipt.writer)}`) ? receipt : undefined
}

function checkSigner({ iss, order }: Statement, by: Responder, { at, writer }: Receipt): string | undefined {
  if (iss !== by.name) return 'iss is not the name of the responder who signs'
  if (!mayOrder(by.role, order.kind)) return `${by.name} is a ${by.role} and may not give this order`
  if (by.retiredAt !== undefined && by.retiredAt <= at) return `${by.name} had been retired when it was accepted`
  // Who lacks an opening order keeps the lease: a lock must not travel as one.
  return isLocking(order.kind) === isOpeningWriter(writer) ? 'its number is of the other kind' : undefined
}
