// Times for people: local and UTC side by side, and how long ago.
import type { Instant } from '../core/time.ts'

/** `2026-01-02 10:00:00 +05:30 (04:30:00 UTC)`; the date is repeated where it differs, local time left out where it is UTC. */
export function bothTimes(instant: Instant): string {
  const utc = new Date(instant).toISOString()
  const day = utc.slice(0, 10)
  const time = utc.slice(11, 19)
  const offsetMinutes = -new Date(instant).getTimezoneOffset()
  if (offsetMinutes === 0) return `${day} ${time} UTC`
  const local = new Date(instant + offsetMinutes * 60_000).toISOString()
  const localDay = local.slice(0, 10)
  const shown = localDay === day ? time : `${day} ${time}`
  return `${localDay} ${local.slice(11, 19)} ${offset(offsetMinutes)} (${shown} UTC)`
}

function offset(minutes: number): string {
  const size = Math.abs(minutes)
  const part = (value: number): string => String(value).padStart(2, '0')
  return `${minutes < 0 ? '-' : '+'}${part(Math.floor(size / 60))}:${part(size % 60)}`
}

/** `3s`, `12m`, `2h 05m`, `4d 3h`: two units at most. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours}h ${String(minutes % 60).padStart(2, '0')}m`
  return `${Math.floor(hours / 24)}d ${hours % 24}h`
}

/** `INC-20260102T043000Z`: an incident's name where nobody has given one yet. */
export function incidentAt(instant: Instant): string {
  return `INC-${new Date(instant).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}
