// Times as the API writes them.
import type { Instant } from '../core/time.ts'

/** RFC 3339 in UTC. */
export function formatInstant(instant: Instant): string {
  return new Date(instant).toISOString()
}
