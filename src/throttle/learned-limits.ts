// Limits learned from what people do: floors and ceilings hold whatever was seen, growth is slow, and every change is told.
import type { Budget } from './facts.ts'
import { COUNT_MAX, type Maxima, type Role } from './maxima.ts'
import { BUILT_IN } from './new-subjects.ts'

type Confidence = 'none' | 'low' | 'medium' | 'high'

export interface LearnedLimit {
  readonly role: Role
  readonly minutes: number
  readonly count: number
  /** Accounts of the last seven days that it was learned from; those that were ever refused are not among them. */
  readonly accounts: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly confidence: Confidence
  /** Epoch milliseconds at which `count` last changed. */
  readonly changedAt: number
}

export interface LearnRules {
  /** By window: never below, never above. */
  readonly floors: readonly Budget[]
  readonly ceilings: readonly number[]
  /** Fewer accounts than this teach nothing. */
  readonly accountsMin: number
  /** A limit's growth a day. */
  readonly growthPerDay: number
}

/** Never below what is built in, never above twice as much. */
export const LEARN_RULES: LearnRules = {
  floors: BUILT_IN,
  ceilings: BUILT_IN.map(({ count }) => 2 * count),
  accountsMin: 50,
  growthPerDay: 0.1,
}

const DAY_MS = 86_400_000

/** From the floors on where there is no limit before. `max(1.5 Q99.9, median + 6 MAD)`, between floor and ceiling, falling freely and rising by a tenth a day. */
export function learnLimits(
  maxima: Maxima,
  role: Role,
  rules: LearnRules,
  before: readonly LearnedLimit[],
  now: number,
): readonly LearnedLimit[] {
  return rules.floors.map((floor, window): LearnedLimit => {
    const histogram = maxima.histogram(role, window, now)
    const accounts = histogram.reduce((sum, count) => sum + count, 0)
    const last = before.find((each) => each.role === role && each.minutes === floor.minutes)
    const was = last?.count ?? floor.count
    const quantiles = {
      p50: quantile(histogram, accounts, 0.5),
      p90: quantile(histogram, accounts, 0.9),
      p99: quantile(histogram, accounts, 0.99),
    }
    const base = { role, minutes: floor.minutes, accounts, ...quantiles }
    if (accounts < rules.accountsMin)
      return { ...base, count: was, confidence: 'none', changedAt: last?.changedAt ?? now }
    const deviation = 1.4826 * medianDeviation(histogram, accounts, quantiles.p50)
    const wanted = Math.ceil(Math.max(1.5 * quantile(histogram, accounts, 0.999), quantiles.p50 + 6 * deviation))
    const ceiling = rules.ceilings[window] ?? 2 * floor.count
    const days = last === undefined ? 1 : Math.min(7, (now - last.changedAt) / DAY_MS)
    // Less than a whole day earns nothing, so that asking often does not add up.
    const reach = days < 1 ? was : Math.floor(was * (1 + rules.growthPerDay) ** Math.floor(days))
    const count = Math.min(
      ceiling,
      Math.max(floor.count, wanted > was ? Math.max(was, Math.min(wanted, reach)) : wanted),
    )
    return {
      ...base,
      count,
      confidence: confidenceOf(accounts, histogram),
      changedAt: count === was && last !== undefined ? last.changedAt : now,
    }
  })
}

function confidenceOf(accounts: number, histogram: Float64Array): Confidence {
  if (accounts < 200) return 'low'
  // Where the extremes are one account's alone, the next one may be further out.
  const extreme = quantile(histogram, accounts, 0.999)
  const isSteady = quantile(histogram, accounts, 0.99) * 3 >= extreme
  return accounts >= 1_000 && isSteady ? 'high' : 'medium'
}

function quantile(histogram: Float64Array, total: number, share: number): number {
  let seen = 0
  for (let count = 0; count <= COUNT_MAX; count++) {
    seen += histogram[count] ?? 0
    if (total > 0 && seen >= share * total) return count
  }
  return 0
}

function medianDeviation(histogram: Float64Array, total: number, median: number): number {
  const distances = new Float64Array(COUNT_MAX + 1)
  histogram.forEach((accounts, count) => {
    const distance = Math.abs(count - median)
    distances[distance] = (distances[distance] ?? 0) + accounts
  })
  return quantile(distances, total, 0.5)
}

/** As budgets for the detectors, with where they come from. */
export function budgetsOf(limits: readonly LearnedLimit[], role: Role, now: number): readonly Budget[] {
  return limits
    .filter((limit) => limit.role === role)
    .map(({ minutes, count, changedAt, confidence }) => ({
      minutes,
      count,
      source: confidence === 'none' ? 'built in' : `learned ${agoOf(now - changedAt)}`,
    }))
}

function agoOf(ms: number): string {
  const days = Math.floor(ms / DAY_MS)
  return days === 0 ? 'today' : `${days} day${days === 1 ? '' : 's'} ago`
}
