// Pseudonyms stand for people wherever the product writes: `<key id>.<22 characters of base64url>`.
import { personIn } from './pii.ts'

/** What a pseudonym is of: the same number as a principal and as a subject gives two pseudonyms. */
export type PseudonymKind = 'principal' | 'session' | 'subject' | 'path' | 'issuer' | 'nonce' | 'number' | 'client'

const PSEUDONYM = /^[A-Za-z0-9_-]{1,16}\.[A-Za-z0-9_-]{22}$/

export function isPseudonym(text: string): boolean {
  return PSEUDONYM.test(text)
}

/**
 * A client (`azp`, `client_id`) as trail, locks and revocations name it: by its own name, but by a pseudonym where an issuer has given
 * it the identifier of a person for one.
 */
export function clientName(name: string, pseudonyms: { of(kind: PseudonymKind, value: string): string }): string {
  return personIn(name) === undefined ? name : pseudonyms.of('client', name)
}
