// Client stacks as a data-plane thread counts them, told to the main thread while somebody watches.
import { CohortTally } from '../gateway/cohort-tally.ts'
import type { CohortCounts } from '../ports/worker-protocol.ts'
import type { WorkerStart } from './worker-start.ts'

const TELL_EVERY_MS = 2_000

export function openCohorts(
  { watched }: Pick<WorkerStart, 'watched'>,
  post: (message: { readonly type: 'cohorts'; readonly counts: CohortCounts }) => void,
): CohortTally {
  const cohorts = new CohortTally(watched)
  setInterval(() => {
    const counts = cohorts.take()
    if (counts !== undefined) post({ type: 'cohorts', counts })
  }, TELL_EVERY_MS).unref()
  return cohorts
}
