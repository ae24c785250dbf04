// What is asked of the trail over HTTP: unknown -> query and page, with every problem at once and no value repeated.
import type { Response } from 'express'
import { LISTS, parseQuery, PEOPLE_LISTS, type Query } from '../core/trail-query.ts'
import type { ControlDeps } from './control-deps.ts'
import { sendProblem } from './problem.ts'

const IDENTIFIERS_MAX = 1000

const KIND_OF = { sessions: 'session', subjects: 'subject', principals: 'principal' } as const

export interface Asked {
  readonly query: Query
  readonly limit: number
  readonly after?: number
  readonly newestFirst: boolean
  /** Whether recorded detail is opened. */
  readonly detail: boolean
}

/** `identifiers` are pseudonyms from here on. Singular names are taken for lists of one. */
export function parseAsked(
  body: unknown,
  deps: ControlDeps,
  limit: number,
  limitMax: number,
): Asked | readonly string[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return ['the body must be an object']
  const { limit: most, after, newestFirst, detail, identifiers, ...rest } = body as Fields
  const named = namesOf(identifiers, deps)
  const parsed = parseQuery({ ...withLists(rest), ...('problem' in named ? {} : named.names) })
  const problems = [
    ...pageProblems({ limit: most, after, newestFirst, detail }, limitMax),
    ...('problem' in named ? [named.problem] : []),
    ...('problems' in parsed ? parsed.problems : []),
  ]
  if (problems.length > 0 || 'problems' in parsed) return problems
  return {
    query: parsed.query,
    limit: typeof most === 'number' ? Math.min(most, limitMax) : limit,
    newestFirst: newestFirst === true,
    detail: detail === true,
    ...(typeof after === 'number' ? { after } : {}),
  }
}

type Fields = Readonly<Record<string, unknown>>

function withLists(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      const list = LISTS.find((each) => each === `${name}s` || each === name)
      return list !== undefined && typeof value === 'string' ? [list, [value]] : [name, value]
    }),
  )
}

/** A larger limit than there can be is no problem: it is cut, and the answer's `next` says that there is more. */
function pageProblems({ limit, after, newestFirst, detail }: Fields, limitMax: number): readonly string[] {
  const isCount = (value: unknown, least: number): boolean =>
    value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= least)
  return [
    ...(isCount(limit, 1) ? [] : [`limit must be from 1 to ${limitMax}`]),
    ...(isCount(after, 0) ? [] : ['after must be the next of the page before']),
    ...(newestFirst === undefined || typeof newestFirst === 'boolean' ? [] : ['newestFirst must be true or false']),
    ...(detail === undefined || typeof detail === 'boolean' ? [] : ['detail must be true or false']),
  ]
}

/** Pseudonyms of the identifiers that were given, or what is wrong with them; no value is repeated. */
function namesOf(
  identifiers: unknown,
  { pseudonyms, pastPseudonyms = [] }: ControlDeps,
): { readonly names: Readonly<Record<string, readonly string[]>> } | { readonly problem: string } {
  if (identifiers === undefined) return { names: {} }
  const problem = `identifiers must be an object of ${PEOPLE_LISTS.join(', ')}, each a list of 1 to ${IDENTIFIERS_MAX} texts`
  if (typeof identifiers !== 'object' || identifiers === null || Array.isArray(identifiers)) return { problem }
  const names: Record<string, readonly string[]> = {}
  for (const [name, values] of Object.entries(identifiers as Fields)) {
    const list = PEOPLE_LISTS.find((each) => each === name)
    if (list === undefined || !isTexts(values)) return { problem }
    names[list] = [pseudonyms, ...pastPseudonyms].flatMap((each) =>
      values.map((value) => each.of(KIND_OF[list], value)),
    )
  }
  return { names }
}

function isTexts(values: unknown): values is readonly string[] {
  const isList = Array.isArray(values) && values.length > 0 && values.length <= IDENTIFIERS_MAX
  return isList && values.every((each) => typeof each === 'string' && each !== '')
}

export function isFine(asked: Asked | readonly string[], response: Response): asked is Asked {
  if (!Array.isArray(asked)) return true
  sendProblem(response, 'bad-request', asked.join('; '), { problems: asked })
  return false
}
