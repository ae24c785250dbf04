// What people write into orders, and would be kept with the trail.
import { personIn } from './pii.ts'
import type { LockScope } from './scope.ts'

/**
 * Words that hold an identifier of a person: they would stand in the trail for as long as it is kept. A client that has one for a
 * name is known by its pseudonym alone.
 */
export function wordProblems(order: object): readonly string[] {
  const { reason, incident, client, scope }: OrderWords = order
  const words = [
    ...[{ at: 'reason', text: reason, right: 'say it without, or by pseudonym' }],
    ...[{ at: 'incident', text: incident, right: 'say it without, or by pseudonym' }],
    ...[client, ...(scope?.clients ?? [])].map((text) => ({
      ...{ at: client === undefined ? 'scope.clients' : 'client', text },
      right: 'name the client as the trail does, by pseudonym',
    })),
  ]
  return words.flatMap(({ at, text, right }) => {
    const what = typeof text === 'string' ? personIn(text) : undefined
    return what === undefined
      ? []
      : [`order.${at} holds what looks like ${what}, and it is kept with the trail: ${right}`]
  })
}

/** What of an order is somebody's own words. */
interface OrderWords {
  readonly reason?: unknown
  readonly incident?: unknown
  readonly client?: unknown
  readonly scope?: Pick<LockScope, 'clients'>
}
