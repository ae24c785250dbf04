// Times of a report: in UTC, as the logs have them, and in IST, as the forms ask for them, wherever the command runs.
import type { Instant } from '../../core/time.ts'

const IST_MS = 5.5 * 3_600_000

export function istText(instant: Instant): string {
  return `${new Date(instant + IST_MS).toISOString().slice(0, 19)}+05:30`
}

/** `2026-11-29 18:11:28 UTC (29/11/2026 23:41 IST)`: CERT-In's form writes dd/mm/yyyy hh:mm. */
export function utcAndIst(instant: Instant): string {
  const [year, month, day] = istText(instant).slice(0, 10).split('-')
  const utc = new Date(instant).toISOString().replace('T', ' ').slice(0, 19)
  return `${utc} UTC (${day}/${month}/${year} ${istText(instant).slice(11, 16)} IST)`
}
