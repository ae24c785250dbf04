// Where a session's one-time password was delivered to: the number of the record must be that one.
import { parsePhoneNumber } from '../core/phone-number.ts'
import type { Session } from '../core/session.ts'
import type { Pseudonyms } from '../ports/pseudonyms.ts'

export interface Destinations {
  /** Names of the claims, by issuer: in clear (as `phone_number` of OpenID Connect), or already a pseudonym of ours. */
  readonly claims: ReadonlyMap<string, { readonly claim: string; readonly isPseudonym: boolean }>
  /** Country code of numbers that are written without one. */
  readonly country: string
  readonly pseudonyms: Pseudonyms
}

/** Whether each of the numbers is the one that the session's OTP went to; of none it is true. */
export function isDestination(
  session: Session | undefined,
  numbers: readonly string[],
  { destinations }: { readonly destinations?: Destinations },
): boolean {
  if (numbers.length === 0) return true
  if (session === undefined || !session.byOtp || destinations === undefined) return false
  const own = destinationOf(session, destinations)
  return own !== undefined && numbers.every((number) => pseudonymOf(number, destinations) === own)
}

function destinationOf(session: Session, destinations: Destinations): string | undefined {
  const source = destinations.claims.get(session.issuer)
  const value = source === undefined ? undefined : session.claims[source.claim]
  if (source === undefined || typeof value !== 'string') return undefined
  return source.isPseudonym ? value : pseudonymOf(value, destinations)
}

function pseudonymOf(text: string, { country, pseudonyms }: Destinations): string | undefined {
  const number = parsePhoneNumber(text, country)
  return number === undefined ? undefined : pseudonyms.of('number', number)
}
