// The scope of an order: unknown -> LockScope, or every problem that it has.
import { didYouMean } from './did-you-mean.ts'
import { isNetwork } from './network.ts'
import { isFields, strings, type Fields, type Reader } from './order-reader.ts'
import { isPseudonym } from './pseudonym.ts'
import { SCOPE_DIMENSIONS, type LockScope } from './scope.ts'

export const PSEUDONYM_WANTED =
  'a pseudonym (key id and value) made by POST /api/v1/pseudonyms, never the identifier itself'

/** The scope that stands under `key`; problems are left with the reader. */
export function parseScope(reader: Reader, key = 'scope'): LockScope {
  const scope = reader.field(key)
  const fail = (text: string): LockScope => {
    reader.problem(key, text)
    return {}
  }
  if (!isFields(scope)) return fail('is required: { "all": true }, or routes, tags, methods, ...')
  const keys = Object.keys(scope)
  if (keys.length === 0) return fail('is empty: to lock everything say { "all": true }')
  const known: readonly string[] = ['all', ...SCOPE_DIMENSIONS]
  for (const each of keys)
    if (!known.includes(each)) reader.problem(`${key}.${each}`, `is not a dimension${didYouMean(each, known)}`)
  if ('all' in scope) {
    if (keys.length > 1) return fail('has all beside another key: narrow it, or lock everything')
    return scope.all === true ? { all: true } : fail('has an all that is not true')
  }
  return parseDimensions(reader, key, scope)
}

function parseDimensions(reader: Reader, key: string, scope: Fields): LockScope {
  const parsed: Record<string, readonly string[]> = {}
  for (const each of SCOPE_DIMENSIONS) {
    if (scope[each] === undefined) continue
    const names = strings(scope[each])
    const wrong = names === undefined ? 'must be a list of at least one text' : wrongName(each, names)
    if (wrong !== undefined) reader.problem(`${key}.${each}`, wrong)
    else if (names !== undefined) parsed[each] = each === 'methods' ? names.map((name) => name.toUpperCase()) : names
  }
  return parsed
}

const PEOPLE: readonly string[] = ['principals', 'subjects', 'sessions']
/** The methods that a route can have, and the two that are never forwarded. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'TRACE', 'CONNECT']

/** What is wrong with names that could never match: a lock that covers nothing would look like one that holds. */
function wrongName(key: string, names: readonly string[]): string | undefined {
  if (PEOPLE.includes(key)) return names.every(isPseudonym) ? undefined : `must each be ${PSEUDONYM_WANTED}`
  if (key === 'cidrs')
    return names.every(isNetwork) ? undefined : 'must each be a network such as 10.0.0.0/8 or 2001:db8::/32'
  const method = key === 'methods' ? names.find((name) => !METHODS.includes(name.toUpperCase())) : undefined
  return method === undefined ? undefined : `has "${method}", which is no method${didYouMean(method, METHODS)}`
}
