// The receiver of security events: its own listener, its own key, and the order desk of this gateway.
import { createEventVerifier } from '../adapters/jose/event-verifier.ts'
import { openOrderSigner } from '../adapters/node/order-signer.ts'
import { createPseudonyms } from '../adapters/node/pseudonyms.ts'
import { createEventReceiver } from '../control/event-receiver.ts'
import { every } from '../control/every.ts'
import { openControlListener } from './control-listener.ts'
import type { Parts } from './parts.ts'

const REFRESH_MS = 1_000

/** Rejects with an Error of one line where the key is not the responder's, a key file is no good or the address is taken. */
export async function openEvents(parts: Parts): Promise<void> {
  const { session, control, store } = parts.running.config
  const { events } = session
  if (events === undefined) return
  const { clock, logger, cleanUp } = parts
  const signer = openOrderSigner(events.keyFile, events.responder, store.redis?.fleet)
  const enrolled = control.responders.some(({ name, key }) => name === events.responder && key === signer.publicKey)
  if (!enrolled)
    throw new Error(
      `session.events.keyFile: is not the key of ${events.responder}: control.responders needs { name: ${events.responder}, role: receiver, key: "${signer.publicKey}" }`,
    )
  const verifier = createEventVerifier({
    transmitters: events.transmitters,
    clockToleranceMs: session.clockToleranceMs,
    now: () => clock.now(),
    logger,
  })
  // What is wrong with an address is logged by its source, and may come back.
  const unreadable = (await verifier.refresh()).find(({ from }) => from === 'file')
  if (unreadable !== undefined) throw new Error(`session.events: ${unreadable.detail}`)
  cleanUp.defer(every(REFRESH_MS, () => verifier.refresh().then(() => undefined), logger))
  const receiver = createEventReceiver({
    verifier,
    pseudonyms: createPseudonyms(parts.pseudonymKey),
    sign: (order) => signer.sign(order, clock.now()),
    desk: parts.desk,
    clock,
    logger,
  })
  const listener = await openControlListener(receiver, events, parts, 'session.events')
  logger.info('receiving security events', { port: listener.port })
}
