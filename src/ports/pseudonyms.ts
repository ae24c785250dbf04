import type { PseudonymKind } from '../core/pseudonym.ts'

/** Keyed one-way names (HMAC-SHA-256, 128 bits kept) for people: equal values of one kind get equal names, and nothing leads back. */
export interface Pseudonyms {
  of(kind: PseudonymKind, value: string): string
}
