// Shapes of what others say: ill-typed is nothing, and every list and text has a bound.

/** Epochs live in 32 bits of shared memory. */
const EPOCH_MAX = 2 ** 31 - 2
const TEXT_MAX = 256
const LIST_MAX = 4096

export type Fields = Readonly<Record<string, unknown>>

export function parseList<T>(value: unknown, parse: (each: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value) || value.length > LIST_MAX) return undefined
  const parsed = value.map(parse)
  return parsed.includes(undefined) ? undefined : (parsed as T[])
}

/** Keeps own members only, whatever they are named. */
export function parseRecord<T>(
  value: unknown,
  is: (each: unknown) => each is T,
  most: number = LIST_MAX,
): Record<string, T> | undefined {
  if (!isFields(value)) return undefined
  const members = Object.entries(value)
  if (members.length > most || !members.every(([key, each]) => isText(key) && is(each))) return undefined
  return Object.assign(Object.create(null) as object, Object.fromEntries(members)) as Record<string, T>
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_MAX
}

export function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

export function isEpoch(value: unknown): value is number {
  return isNumber(value) && value <= EPOCH_MAX
}
