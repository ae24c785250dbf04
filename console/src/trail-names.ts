// Names in a question that no record of this gateway's trail has: a slip of the hand, which "nobody's records" must never hide.
import { findNearest } from '../../src/core/did-you-mean.ts'
import { ask } from './api.ts'
import type { RecordPage } from './parts/records.tsx'

const NEWEST = 1000

const MEMBERS = { routes: ['route'], clients: ['client', 'application'] } as const

export interface Unknown {
  readonly list: keyof typeof MEMBERS
  readonly name: string
  /** The known one that was meant, perhaps. */
  readonly near: string | undefined
}

/** Those that are in no record at all, whatever its time. Where the trail does not answer nothing is said of a name. */
export async function unknownNames(whose: { readonly [L in Unknown['list']]?: readonly string[] }): Promise<
  readonly Unknown[]
> {
  const unknown: Unknown[] = []
  for (const list of ['routes', 'clients'] as const)
    for (const name of whose[list] ?? []) {
      const answer = await ask<RecordPage>('audit/search', { [list]: [name], limit: 1 })
      if (answer.ok && answer.body.records.length === 0) unknown.push({ list, name, near: await nearest(list, name) })
    }
  return unknown
}

async function nearest(list: Unknown['list'], name: string): Promise<string | undefined> {
  const answer = await ask<RecordPage>('audit/search', { kinds: ['request'], newestFirst: true, limit: NEWEST })
  if (!answer.ok) return undefined
  const names = answer.body.records.flatMap(({ record }) => MEMBERS[list].map((member) => record[member]))
  return findNearest(name, [...new Set(names.filter((each) => typeof each === 'string'))])
}
