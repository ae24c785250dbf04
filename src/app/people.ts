// The main thread's part in counting people: limits are learned and kept, exemptions reach the workers, and, where the config
// allows it, a session that read a honey subject or ran away is locked by the gateway's own key.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { every } from '../control/every.ts'
import type { Suggestions } from '../control/suggestions.ts'
import { createPeopleDesk, type Exemption, type LimitSource, type PeopleDesk } from '../control/people/people-desk.ts'
import type { LimitRecord } from '../core/audit-record.ts'
import { budgetsOf, LEARN_RULES, learnLimits, type LearnedLimit } from '../throttle/learned-limits.ts'
import { createMaxima, ROLES } from '../throttle/maxima.ts'
import { BUILT_IN } from '../throttle/new-subjects.ts'
import type { Parts } from './parts.ts'
import { joinCounts } from './people-fleet.ts'
import { lockerOf, proposerOf } from './people-locks.ts'

const LEARN_EVERY_MS = 3_600_000

interface Kept {
  readonly limits: readonly LearnedLimit[]
  readonly exemptions: readonly Exemption[]
}

export function openPeopleDesk(parts: Parts, suggestions: Pick<Suggestions, 'propose'>): PeopleDesk {
  const { clock, logger, trail, people, pool, running } = parts
  const file = join(running.config.store.dir, 'people.json')
  const kept = readKept(file, logger)
  const maxima = createMaxima(people.memory.maxima)
  let { limits, exemptions } = kept
  let sharers = 1
  const mode = (): string => running.config.throttle?.learn ?? 'shadow'

  const push = (): void => {
    const now = clock.now()
    pool?.setPeople({
      ...(mode() === 'enforce' && limits.length > 0
        ? { learned: { session: budgetsOf(limits, 'session', now), address: budgetsOf(limits, 'address', now) } }
        : {}),
      exemptions: exemptions.filter(({ until }) => until > now).map(({ detector, name }) => `${detector}\0${name}`),
      sharers,
    })
  }
  const keep = (): void => {
    push()
    try {
      writeKept(file, { limits, exemptions })
    } catch (error) {
      // A full disk keeps no gateway from starting, nor from learning: what could not be kept stands until the next start.
      logger.warn('learned limits and exemptions could not be kept', { file, error: String(error) })
    }
  }
  const learn = (): void => {
    if (mode() === 'off') return
    const before = limits
    limits = ROLES.flatMap((role) => learnLimits(maxima, role, LEARN_RULES, before, clock.now()))
    for (const record of changesOf(before, limits, mode(), clock.now())) trail.main.append(record)
    keep()
  }
  learn()
  const repeat = (periodMs: number, act: () => void): void => {
    const look = async (): Promise<void> => {
      act()
    }
    parts.cleanUp.defer(every(periodMs, look, logger))
  }
  repeat(LEARN_EVERY_MS, learn)
  // Exemptions end by themselves.
  repeat(60_000, push)
  const desk = createPeopleDesk({
    book: people.book,
    limits: limitSource(() => limits, mode, { maxima, now: () => clock.now() }),
    now: () => clock.now(),
    exemptions,
    onExemptions: (next) => {
      exemptions = next
      keep()
    },
    record: (record) => void trail.main.append(record),
  })
  joinCounts(parts, (gateways) => {
    sharers = gateways
    push()
  })
  const lock = running.config.throttle?.lock
  parts.cleanUp.defer(people.book.listen(lock === undefined ? proposerOf(suggestions) : lockerOf(parts, lock)))
  return desk
}

function changesOf(
  before: readonly LearnedLimit[],
  after: readonly LearnedLimit[],
  mode: string,
  time: number,
): readonly LimitRecord[] {
  return after.flatMap(({ role, minutes, count, accounts, confidence }): LimitRecord[] => {
    const was = before.find((each) => each.role === role && each.minutes === minutes)?.count
    if (was === undefined || was === count) return []
    return [
      { kind: 'limit', time, change: 'learned', role, minutes, before: was, after: count, accounts, confidence, mode },
    ]
  })
}

function limitSource(
  limits: () => readonly LearnedLimit[],
  mode: () => string,
  { maxima, now }: { readonly maxima: ReturnType<typeof createMaxima>; readonly now: () => number },
): LimitSource {
  return {
    get mode() {
      return mode()
    },
    views: () =>
      limits().map(({ role, minutes, count, accounts, p50, p90, p99, confidence }) => {
        const floor = BUILT_IN.find((each) => each.minutes === minutes)?.count ?? count
        return {
          role,
          minutes,
          enforced: mode() === 'enforce' ? count : floor,
          learned: count,
          accounts,
          p50,
          p90,
          p99,
          confidence,
        }
      }),
    wouldRefuse(role, minutes, count) {
      const known = ROLES.find((each) => each === role)
      const window = BUILT_IN.findIndex((each) => each.minutes === minutes)
      if (known === undefined || window === -1 || !Number.isInteger(count) || count < 1 || count > 254) return undefined
      return maxima
        .histogram(known, window, now())
        .subarray(count + 1)
        .reduce((sum, accounts) => sum + accounts, 0)
    },
  }
}

function readKept(file: string, logger: Parts['logger']): Kept {
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as Partial<Kept>
    return { limits: found.limits ?? [], exemptions: found.exemptions ?? [] }
  } catch (error) {
    // Learned limits begin at the built-in ones again: stricter, never looser.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT'))
      logger.warn('learned limits could not be read and begin anew', { file, error: String(error) })
    return { limits: [], exemptions: [] }
  }
}

function writeKept(file: string, kept: Kept): void {
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(`${file}.new`, JSON.stringify(kept), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
