// What release and approve share: the state that the person sees, and the signature over it at that same control plane.
import type { StatusView } from '../ports/control-api.ts'
import type { Client } from './client.ts'
import type { ControlAddress } from './control-address.ts'
import { postOrder } from './deliver.ts'
import { CommandFailure, EXIT } from './failure.ts'
import { refusalLines } from './refusal.ts'
import { parseAccepted, parsePending, parseStatus } from './views.ts'

export async function readStatus(
  client: Client,
): Promise<{ readonly control: ControlAddress; readonly status: StatusView }> {
  const { control, body } = await client.read('/api/v1/status')
  const status = parseStatus(body)
  if (status === undefined)
    throw new CommandFailure(
      EXIT.failed,
      `${control} answered with a status that is not of this version: compare portcullis --version with the gateway's`,
    )
  return { control, status }
}

/** What a signature is given over: a lock that came since, or a trail that is shorter now, refuses it. */
export function seenOf({ epoch, audit }: StatusView): Readonly<Record<string, unknown>> {
  return { epoch, ...(audit.checkpoint === undefined ? {} : { checkpoint: audit.checkpoint }) }
}

export type Signature =
  | { readonly id: string; readonly released: true; readonly epoch: number; readonly durable: boolean }
  | { readonly id: string; readonly released: false; readonly approvals: number; readonly required: number }

/** Hard out: the signature goes to one control plane, and anything but its acceptance ends the command. */
export async function sendSignature(
  client: Client,
  control: ControlAddress,
  order: Readonly<Record<string, unknown>>,
): Promise<Signature> {
  const signed = await client.sign(order)
  const answer = await postOrder(client, control, signed)
  if ('unreachable' in answer)
    throw new CommandFailure(
      EXIT.failed,
      answer.unreachable,
      'whether it was taken is not known: see portcullis status',
    )
  const pending = answer.status === 202 ? parsePending(answer.body) : undefined
  if (pending !== undefined)
    return {
      released: false,
      id: order.kind === 'release' ? signed.id : pending.id,
      approvals: pending.approvals,
      required: pending.required,
    }
  const accepted = answer.status === 201 ? parseAccepted(answer.body) : undefined
  if (accepted !== undefined) return { released: true, id: signed.id, epoch: accepted.epoch, durable: accepted.durable }
  if (answer.status >= 400) throw new CommandFailure(EXIT.failed, ...refusalLines(answer))
  throw new CommandFailure(
    EXIT.failed,
    `${control} answered ${answer.status} with something that is not of this version: see portcullis status`,
  )
}
