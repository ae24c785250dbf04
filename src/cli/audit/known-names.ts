// Names in a question that no record of the trail has: a slip of the hand, which "nobody's records" must never hide.
import { didYouMean } from '../../core/did-you-mean.ts'
import { withoutPeople } from '../../core/pii.ts'
import type { WhoseQuery } from '../../core/trail-query.ts'
import { CommandFailure, EXIT } from '../failure.ts'
import type { Trails } from './trails.ts'

const NEWEST = 1000

const FLAGS = { routes: 'route', clients: 'client' } as const
type Named = keyof typeof FLAGS

/** Where nothing was read: throws CommandFailure (1) if a route or a client is in no record at all, whatever the time asked for. */
export async function checkNames(
  query: WhoseQuery,
  { reads }: { readonly reads: number },
  { trails, missing }: Trails,
): Promise<void> {
  // The record that has it may lie where nobody answered.
  if (reads > 0 || missing.length > 0) return
  const problems: string[] = []
  for (const list of ['routes', 'clients'] as const) {
    for (const name of query[list] ?? []) {
      if (await isKnown(list, name, trails)) continue
      const near = didYouMean(name, await newestNames(list, trails))
      problems.push(`--${FLAGS[list]} ${withoutPeople(name)}: no record of this trail has it${near}`)
    }
  }
  if (problems.length > 0) throw new CommandFailure(EXIT.failed, ...problems)
}

async function isKnown(list: Named, name: string, trails: Trails['trails']): Promise<boolean> {
  for (const trail of trails) {
    const { hits } = await trail.page({ [list]: [name] }, { limit: 1, newestFirst: true })
    if (hits.length > 0) return true
  }
  return false
}

async function newestNames(list: Named, trails: Trails['trails']): Promise<readonly string[]> {
  const names = new Set<string>()
  for (const trail of trails) {
    const { hits } = await trail.page({ kinds: ['request'] }, { limit: NEWEST, newestFirst: true })
    for (const { entry } of hits) {
      const { route, client, application } = JSON.parse(entry) as Record<string, unknown>
      for (const each of list === 'routes' ? [route] : [client, application])
        if (typeof each === 'string') names.add(each)
    }
  }
  return [...names]
}
