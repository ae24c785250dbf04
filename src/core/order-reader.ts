// Reads the fields of an order one by one and keeps every problem; a problem's text says what, where, and what would be right.
import { didYouMean } from './did-you-mean.ts'
import { isPseudonym } from './pseudonym.ts'
import { parseDuration } from './time.ts'

export type Fields = Readonly<Record<string, unknown>>

const TEXT_LENGTH_MAX = 1000
const LIST_LENGTH_MAX = 10_000

export class Reader {
  readonly problems: string[]
  readonly #fields: Fields
  readonly #where: string

  constructor(fields: Fields, where: string, problems: string[] = []) {
    this.#fields = fields
    this.#where = where
    this.problems = problems
  }

  problem(key: string, text: string): void {
    this.problems.push(`${this.#where}${key} ${text}`)
  }

  known(keys: readonly string[]): void {
    for (const key of Object.keys(this.#fields)) {
      if (!keys.includes(key)) this.problem(key, `is not known here${didYouMean(key, keys)}`)
    }
  }

  has(key: string): boolean {
    return this.#fields[key] !== undefined
  }

  field(key: string): unknown {
    return this.#fields[key]
  }

  /** A reader of what stands under `key`, which writes into the same list of problems. */
  inside(key: string, fields: Fields): Reader {
    return new Reader(fields, `${this.#where}${key}.`, this.problems)
  }

  text(key: string, what: string): string {
    const value = nonEmpty(this.#fields[key])
    if (value !== undefined && value.trim() !== '') return value
    this.problem(key, `is required: ${what}`)
    return ''
  }

  optional<T>(key: string, what: string, parse: (value: unknown) => T | undefined): T | undefined {
    const value = this.#fields[key]
    if (value === undefined) return undefined
    const parsed = parse(value)
    if (parsed === undefined) this.problem(key, `must be ${what}`)
    return parsed
  }

  required<T>(key: string, what: string, parse: (value: unknown) => T | undefined): T | undefined {
    if (!this.has(key)) this.problem(key, `is required: ${what}`)
    return this.optional(key, what, parse)
  }
}

/** The fields that are there: an absent one has no key. */
export function given<T extends object>(fields: T): { readonly [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function oneOf<T>(values: readonly T[]): (value: unknown) => T | undefined {
  return (value) => values.find((each) => each === value)
}

export function strings(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > LIST_LENGTH_MAX) return undefined
  return value.every((each): each is string => nonEmpty(each) !== undefined) ? value : undefined
}

export function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_LENGTH_MAX ? value : undefined
}

export function pseudonym(value: unknown): string | undefined {
  return typeof value === 'string' && isPseudonym(value) ? value : undefined
}

/** Milliseconds, more than none. */
export function duration(value: unknown): number | undefined {
  return typeof value === 'string' ? parseDuration(value) || undefined : undefined
}

/** A time in seconds, as in RFC 7519. */
export function seconds(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 && value < 1e11 ? value : undefined
}

export function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** Texts by language tag (BCP 47). */
export function messages(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isFields(value)) return undefined
  const entries = Object.entries(value)
  const fine = entries.every(
    ([tag, text]) =>
      /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/.test(tag) && typeof text === 'string' && text.length <= TEXT_LENGTH_MAX,
  )
  return fine ? Object.fromEntries(entries.map(([tag, text]) => [tag.toLowerCase(), text as string])) : undefined
}
