// Easy in: an order that locks or revokes goes to every control plane that was named, and holds where one accepts it.
import type { OrderAccepted } from '../ports/control-api.ts'
import type { Client } from './client.ts'
import type { ControlAddress } from './control-address.ts'
import { ANSWER_TIMEOUT_MS, type Answer } from './exchange.ts'
import { EXIT, type ExitCode } from './failure.ts'
import { refusalLines } from './refusal.ts'
import type { SignedOrder } from './signing-key.ts'
import { numberField, parseAccepted, textField } from './views.ts'

export type Delivery = { readonly control: ControlAddress } & (
  | {
      readonly accepted: OrderAccepted
      /** The order came there before us: by a courier, or under another name of the same gateway. */
      readonly isSecond?: true
    }
  | {
      readonly failed: readonly string[]
      /** Nobody answered there. */
      readonly isUnheard?: true
    }
)

/** How long each control plane may wait for its fleet's proof: as it was written, and in milliseconds. */
export interface Wait {
  readonly text: string
  readonly ms: number
}

/** Sends the order everywhere at once. */
export async function deliver(
  client: Client,
  order: SignedOrder,
  wait: Wait | undefined,
): Promise<readonly Delivery[]> {
  return Promise.all(
    client.controls.map(async (control) => readDelivery(order, await postOrder(client, control, order, wait))),
  )
}

/** Orders carry their own signature: no token, no login. */
export async function postOrder(
  client: Client,
  control: ControlAddress,
  order: SignedOrder,
  wait?: Wait,
): Promise<Answer> {
  const query = wait === undefined ? '' : `?wait=${encodeURIComponent(wait.text)}`
  return client.transport.send(control, {
    method: 'POST',
    path: `/api/v1/orders${query}`,
    body: { order: order.jws },
    timeoutMs: ANSWER_TIMEOUT_MS + (wait?.ms ?? 0),
  })
}

function readDelivery(order: SignedOrder, answer: Answer): Delivery {
  const { control } = answer
  if ('unreachable' in answer) return { control, failed: [answer.unreachable], isUnheard: true }
  if (answer.status === 409 && textField(answer.body, 'id') === order.id)
    return { control, accepted: earlier(order, answer.body), isSecond: true }
  if (answer.status !== 201) return { control, failed: refusalLines(answer) }
  const accepted = parseAccepted(answer.body)
  if (accepted === undefined)
    return {
      control,
      failed: [`${control} accepted something, but its answer is not of this version: see portcullis status`],
    }
  if (accepted.id !== order.id)
    return {
      control,
      failed: [`${control} answered for the order ${accepted.id}, and ${order.id} was sent: do not trust it`],
    }
  return { control, accepted }
}

/** The same order came there before us, by a courier of the fleet: it holds. */
function earlier(order: SignedOrder, body: unknown): OrderAccepted {
  return { id: order.id, epoch: numberField(body, 'epoch') ?? 0, covers: [], durable: true }
}

export function acceptedOf(deliveries: readonly Delivery[]): readonly (Delivery & { accepted: OrderAccepted })[] {
  return deliveries.filter((each) => 'accepted' in each)
}

export function failedOf(deliveries: readonly Delivery[]): readonly Extract<Delivery, { readonly failed: unknown }>[] {
  return deliveries.filter((each) => 'failed' in each)
}

/**
 * Who has not shown that it refuses: workers and gateways that the proofs miss, and control planes that gave no proof. A second
 * delivery brings none, and needs none where the first one's proof speaks for the same fleet.
 */
export function missingOf(deliveries: readonly Delivery[]): readonly string[] {
  const isProven = acceptedOf(deliveries).some(({ accepted }) => accepted.proof !== undefined)
  return deliveries.flatMap((each) => {
    if (!('accepted' in each)) return [each.control]
    if (each.isSecond === true && isProven) return []
    return each.accepted.proof?.missing ?? [each.control]
  })
}

export function exitCodeOf(deliveries: readonly Delivery[], waited: boolean): ExitCode {
  if (acceptedOf(deliveries).length === 0) return EXIT.failed
  return waited && missingOf(deliveries).length > 0 ? EXIT.unconfirmed : EXIT.done
}

/** The outcome for --json; fields at the top are those of the first control plane that accepted. */
export function deliveryJson(
  order: SignedOrder,
  deliveries: readonly Delivery[],
  waited: boolean,
): Readonly<Record<string, unknown>> {
  const first = acceptedOf(deliveries)[0]?.accepted
  return {
    id: order.id,
    epoch: first?.epoch ?? null,
    covers: first?.covers ?? [],
    durable: first?.durable ?? false,
    ...(waited ? { confirmed: missingOf(deliveries).length === 0, missing: missingOf(deliveries) } : {}),
    controls: deliveries.map((each) =>
      'accepted' in each
        ? {
            control: each.control,
            accepted: true,
            epoch: each.accepted.epoch,
            covers: each.accepted.covers,
            durable: each.accepted.durable,
            proof: each.accepted.proof ?? null,
          }
        : { control: each.control, accepted: false, problems: each.failed },
    ),
  }
}
