// Times as a responder reads them: in IST, which the report is written in, or UTC, which the logs are written in.
import type { MessageKey, Translate } from './messages/messages.ts'

export type Zone = 'ist' | 'utc'

const ZONES = { ist: 'Asia/Kolkata', utc: 'UTC' } as const
export const ZONE_NAMES = { ist: 'IST', utc: 'UTC' } as const
const OFFSETS = { ist: '+05:30', utc: 'Z' } as const

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: Zone, isLong: boolean): Intl.DateTimeFormat {
  const key = `${zone} ${isLong}`
  let format = formats.get(key)
  if (format === undefined) {
    const day = isLong ? ({ year: 'numeric', month: '2-digit', day: '2-digit' } as const) : {}
    format = new Intl.DateTimeFormat('en-GB', {
      ...day,
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      timeZone: ZONES[zone],
    })
    formats.set(key, format)
  }
  return format
}

function partsOf(ms: number, zone: Zone): Readonly<Record<string, string>> {
  return Object.fromEntries(
    formatOf(zone, true)
      .formatToParts(ms)
      .map(({ type, value }) => [type, value]),
  )
}

/** `2026-11-29 16:40:12 IST`. Digits stay Latin in both languages, as on every form that they are copied to. */
export function momentText(ms: number, zone: Zone): string {
  if (!Number.isFinite(ms)) return '–'
  const { year, month, day, hour, minute, second } = partsOf(ms, zone)
  return `${year}-${month}-${day} ${hour}:${minute}:${second} ${ZONE_NAMES[zone]}`
}

/** `16:40:12`, for rows that are all of today. */
export function clockText(ms: number, zone: Zone): string {
  return formatOf(zone, false).format(ms)
}

/** `2026-11-29T16:40`, as a field of a form takes it. */
export function fieldText(ms: number, zone: Zone): string {
  const { year, month, day, hour, minute } = partsOf(ms, zone)
  return `${year}-${month}-${day}T${hour}:${minute}`
}

/** What stands in such a field, as epoch milliseconds; undefined while it is not whole. */
export function momentOfField(text: string, zone: Zone): number | undefined {
  const ms = Date.parse(`${text.slice(0, 16)}:00${OFFSETS[zone]}`)
  return Number.isFinite(ms) ? ms : undefined
}

const UNITS: readonly (readonly [MessageKey, number])[] = [
  ['days', 86_400],
  ['hours', 3600],
  ['minutes', 60],
  ['seconds', 1],
]
const LONG_SECONDS = 48 * 3600

/** `5 h 12 min`, `48 s`: of two units at most, and days only from the third on. */
export function spanText(ms: number, t: Translate): string {
  let rest = Math.floor(Math.abs(ms) / 1000)
  const first = UNITS.findIndex(([name, size]) => (name === 'days' ? rest >= LONG_SECONDS : rest >= size))
  if (first < 0) return t('seconds', { n: 0 })
  const parts = UNITS.slice(first, first + 2).map(([name, size]) => {
    const n = Math.floor(rest / size)
    rest %= size
    return n === 0 ? '' : t(name, { n })
  })
  return parts.filter((part) => part !== '').join(' ')
}
