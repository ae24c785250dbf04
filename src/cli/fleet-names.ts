// The `aud` of an order in a fleet: the gateways say what their fleet is called, and take no order without it (contract, 4).
import type { ControlAddress } from './control-address.ts'
import type { Transport } from './exchange.ts'
import { textField } from './views.ts'

const ANSWER_MS = 1_000
/** Once one has answered, the others are waited for no longer than this: a freeze is under way. */
const OTHERS_MS = 200

/** Names that the control planes give, each once; none where they are in no fleet, or none answers. Never rejects. */
export async function fleetNames(
  transport: Transport,
  controls: readonly ControlAddress[],
): Promise<readonly string[]> {
  const names = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  await new Promise<void>((resolve) => {
    let waiting = controls.length
    for (const control of controls) {
      const asked = transport.send(control, { method: 'GET', path: '/healthz', timeoutMs: ANSWER_MS })
      void asked.then((answer) => {
        waiting -= 1
        if (!('unreachable' in answer)) {
          const name = answer.status === 200 ? textField(answer.body, 'fleet') : undefined
          if (name !== undefined) names.add(name)
          timer ??= setTimeout(resolve, OTHERS_MS)
        }
        if (waiting === 0) resolve()
      })
    }
  })
  clearTimeout(timer)
  return [...names]
}
