// Locks by file and by config: a set replaces the set before it. What is added holds at once, what is gone opens after it is durable.
import { isSameFlags } from '../core/lock-flags.ts'
import type { Lock } from '../core/lock.ts'
import type { Clock } from '../ports/clock.ts'
import type { LedgerKeeper } from './ledger-keeper.ts'
import type { Turns } from './turns.ts'

type FlagSource = 'file' | 'config'

/** Resolves with whether the set is now in force as a whole; false where something would have opened and could not yet. */
export type SetFlags = (source: FlagSource, locks: readonly Lock[]) => Promise<boolean>

export function createFlagSetter(deps: { keeper: LedgerKeeper; turns: Turns; clock: Clock }): SetFlags {
  const { keeper, turns, clock } = deps
  const generations: Record<FlagSource, number> = { file: 0, config: 0 }
  return async (source, locks) => {
    const generation = ++generations[source]
    const before = keeper.ledger.flags[source]
    const isKnown = source === 'config' || keeper.ledger.fileKnown
    if (isKnown && isSameFlags(before, locks)) return true
    const both = [...before, ...locks.filter((lock) => !before.includes(lock))]
    if (both.length > before.length || !isKnown) {
      await keeper.land({ type: 'flags', source, locks: both, at: clock.now() }, `${source}-flags`).durable
    }
    if (both.length === locks.length) return true
    return turns(async () => {
      // A newer set may have come while this one waited, and may lock what this one opens.
      const isWanted = (): boolean => generations[source] === generation
      if (!isWanted()) return false
      const opening = await keeper.open({ type: 'flags', source, locks, at: clock.now() }, `${source}-flags`, isWanted)
      // What was superseded may be durable already: the set that stands is written behind it, and counts at a restart.
      if (!isWanted())
        keeper.land({ type: 'flags', source, locks: keeper.ledger.flags[source], at: clock.now() }, `${source}-flags`)
      return !('unavailable' in opening)
    })
  }
}
