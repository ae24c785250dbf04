// Who responds, as the control plane tells: to name a key by its beginning, and to show whom an order is about.
import type { ResponderView } from '../ports/control-api.ts'
import type { Client } from './client.ts'
import type { ControlAddress } from './control-address.ts'
import { CommandFailure, EXIT } from './failure.ts'
import { parseResponders } from './views.ts'

export async function readResponders(
  client: Client,
): Promise<{ readonly control: ControlAddress; readonly responders: readonly ResponderView[] }> {
  const { control, body } = await client.read('/api/v1/responders')
  const responders = parseResponders(body)
  if (responders !== undefined) return { control, responders }
  throw new CommandFailure(EXIT.failed, `${control} answered with a list of responders that is not of this version`)
}

/** As in a `kid`. */
export function keyText({ name, keyId }: Pick<ResponderView, 'name' | 'keyId'>): string {
  return keyId === undefined ? name : `${name}#${keyId}`
}
