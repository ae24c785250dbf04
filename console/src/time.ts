// Times as a responder reads them: in IST, which the report is written in, or UTC, which the logs are written in.

export type Zone = 'ist' | 'utc'

const ZONES = { ist: 'Asia/Kolkata', utc: 'UTC' } as const
const NAMES = { ist: 'IST', utc: 'UTC' } as const

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
  return `${year}-${month}-${day} ${hour}:${minute}:${second} ${NAMES[zone]}`
}

/** `16:40:12`, for rows that are all of today. */
export function clockText(ms: number, zone: Zone): string {
  return formatOf(zone, false).format(ms)
}

/** `5 h 12 min`, `48 s`: of two units at most. */
export function spanText(ms: number): string {
  const seconds = Math.floor(Math.abs(ms) / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}
