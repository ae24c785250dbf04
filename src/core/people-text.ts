// Lines of people as text, one JSON object a line, and back: they may come from another gateway, so nothing is believed unread.
import { isFields, isNumber, isText, type Fields } from './message-shapes.ts'
import { isPseudonym } from './pseudonym.ts'
import type { PeopleLine } from './people-lines.ts'

/** Far more than any line has. */
const PEOPLE_LINE_MAX = 4096

export function formatPeopleLine(line: PeopleLine): string {
  return `${JSON.stringify(line)}\n`
}

/** Undefined where it is none. Never throws. */
export function parsePeopleLine(text: string): PeopleLine | undefined {
  if (text.length > PEOPLE_LINE_MAX) return undefined
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isFields(line)) return undefined
  const isLine =
    (isName(line.subject) && hasAll(line, PERSON, isNumber) && hasAll(line, TIMES, isTime)) ||
    isName(line.principal) ||
    isNumber(line.end) ||
    (isFields(line.trail) && isTrail(line.trail))
  return isLine ? (line as unknown as PeopleLine) : undefined
}

const PERSON = ['reads', 'withoutOtp', 'firstEntry', 'lastEntry'] as const
const TIMES = ['first', 'last'] as const
const COUNTS = [
  ...['size', 'reads', 'withoutOtp', 'withoutSession', 'unnamed', 'subjects', 'subjectsWithoutOtp', 'principals'],
] as const

function isTrail(trail: Fields): boolean {
  return (
    isText(trail.gateway) &&
    isText(trail.root) &&
    hasAll(trail, COUNTS, isNumber) &&
    TIMES.every((name) => trail[name] === undefined || isTime(trail[name])) &&
    (trail.fallback === undefined || typeof trail.fallback === 'string')
  )
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && isPseudonym(value)
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value)
}

function hasAll(of: Fields, names: readonly string[], is: (value: unknown) => boolean): boolean {
  return names.every((name) => is(of[name]))
}
