// Many cases in one process, each kind by its share, and whatever was found in them.
import { KINDS, type Finding, type Kind } from './case.ts'
import { CALLERS_MAX } from './arena.ts'
import { GATEWAYS, startAnswerRun } from './answer-run.ts'
import { within } from './ticks.ts'
import { startRequestRun, type Failure, type Tally } from './request-run.ts'

export interface FuzzOptions {
  readonly first: number
  readonly runs: number
  readonly only: Kind | undefined
  readonly onProgress?: (done: number) => void
  readonly onFailure?: (failure: Failure) => void
}

export interface FuzzResult {
  readonly cases: Readonly<Record<Kind, number>>
  readonly failures: number
  readonly tally: Tally
}

/** By the seed, so that one seed is one case whatever run it stands in: four parts, four parts, two parts. */
export function kindOf(seed: number): Kind {
  const tenth = seed % 10
  return tenth < 4 ? 'structured' : tenth < 8 ? 'bytes' : 'answers'
}

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const [requests, answers] = await Promise.all([startRequestRun(), startAnswerRun()])
  const cases: Record<Kind, number> = { structured: 0, bytes: 0, answers: 0 }
  let failures = 0
  const fail = (failure: Failure | undefined): void => {
    if (failure === undefined) return
    failures += 1
    options.onFailure?.(failure)
  }
  let next = 0
  const takeSeed = (): number | undefined =>
    next < options.runs ? (options.first + next++) % 0x1_0000_0000 : undefined
  const isOf = (kind: Kind, wanted: 'answers' | 'requests'): boolean => (kind === 'answers') === (wanted === 'answers')
  // Two queues, so that neither kind of arena waits for the other.
  const queues: Record<'answers' | 'requests', number[]> = { answers: [], requests: [] }
  const seedFor = (wanted: 'answers' | 'requests'): number | undefined => {
    for (let seed = queues[wanted].shift() ?? takeSeed(); seed !== undefined; seed = takeSeed()) {
      const kind = options.only ?? kindOf(seed)
      if (isOf(kind, wanted)) return seed
      queues[wanted === 'answers' ? 'requests' : 'answers'].push(seed)
    }
    return undefined
  }
  const work = async (wanted: 'answers' | 'requests'): Promise<void> => {
    for (let seed = seedFor(wanted); seed !== undefined; seed = seedFor(wanted)) {
      const kind = options.only ?? kindOf(seed)
      fail(kind === 'answers' ? await answers.play(seed) : await requests.play(seed, kind))
      cases[kind] += 1
      options.onProgress?.(cases.structured + cases.bytes + cases.answers)
    }
  }
  await Promise.all([
    ...Array.from({ length: CALLERS_MAX }, () => work('requests')),
    ...Array.from({ length: GATEWAYS }, () => work('answers')),
  ])
  await within(1_000, () => requests.open === 0)
  if (requests.open > 0)
    fail(stray({ rule: 'exchanges are open when every caller has gone', detail: String(requests.open) }))
  for (const failure of await requests.close()) fail(failure)
  await answers.close()
  return { cases, failures, tally: requests.tally }
}

function stray(finding: Finding): Failure {
  return { seed: 0, kind: KINDS[0] ?? 'structured', bytes: Buffer.alloc(0), findings: [finding] }
}
