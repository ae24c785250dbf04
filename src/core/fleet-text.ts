// What a name and a body in the fleet's store are made of: the same for every store, on the way in and on the way out.
import { BODY_BYTES_MAX } from './fleet-limits.ts'

/** Printable ASCII without a space, which stands between names in messages. */
const NAME = /^[!-~]{1,256}$/
const BODY = /^[\t\n\r -~]+$/

/** A gateway's name, an order's id or an entry's. */
export function isFleetName(text: unknown): text is string {
  return typeof text === 'string' && NAME.test(text)
}

/** ASCII has as many bytes as characters. */
export function isFleetBody(text: unknown): text is string {
  return typeof text === 'string' && text.length <= BODY_BYTES_MAX && BODY.test(text)
}

/** What is wrong with what a gateway is about to write, in one line. */
export function checkFleetTexts(names: readonly string[], bodies: readonly string[]): string | undefined {
  if (!names.every(isFleetName)) return 'a name or id for the fleet store is not 1 to 256 printable characters'
  if (!bodies.every(isFleetBody)) return `a body for the fleet store is not 1 to ${BODY_BYTES_MAX} ASCII characters`
  return undefined
}
