// Pseudonyms stand for people wherever the product writes: `<key id>.<22 characters of base64url>`.

/** What a pseudonym is of: the same number as a principal and as a subject gives two pseudonyms. */
export type PseudonymKind = 'principal' | 'session' | 'subject' | 'path' | 'issuer' | 'nonce' | 'number'

const PSEUDONYM = /^[A-Za-z0-9_-]{1,16}\.[A-Za-z0-9_-]{22}$/

export function isPseudonym(text: string): boolean {
  return PSEUDONYM.test(text)
}
