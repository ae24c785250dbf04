// A query that names another method than the request line: frameworks take it for the request's own.
import { decodeLeniently } from './fold.ts'

/** Names as Rails, Laravel, Symfony, Spring, Express and OData services read them, with whatever is no letter as `-`. */
const NAMES: ReadonlySet<string> = new Set([
  '-method',
  '-http-method',
  '-httpmethod',
  'http-method',
  'http-method-override',
  'method-override',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
])
const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'LINK', 'UNLINK', 'PURGE'],
  ...['COPY', 'MOVE', 'LOCK', 'UNLOCK', 'MKCOL', 'PROPFIND', 'PROPPATCH', 'SEARCH', 'QUERY', 'REPORT'],
])
/** The word, or an escape of a letter or mark of ASCII, in which it could hide. */
const MAYBE = /method|%[4-7][0-9a-f]|%25/i

/** `query`: as it came, with its question mark, or empty. */
export function overridesMethod(query: string, method: string): boolean {
  if (query === '' || !MAYBE.test(query)) return false
  return query
    .slice(1)
    .split(/[&;]/)
    .some((pair) => {
      const at = pair.indexOf('=')
      if (
        at === -1 ||
        !NAMES.has(
          plain(pair.slice(0, at))
            // PHP ends a parameter's name at a NUL.
            .replace(/\0.*$/s, '')
            .toLowerCase()
            .replaceAll(/[^a-z]/g, '-'),
        )
      )
        return false
      const named = plain(pair.slice(at + 1)).toUpperCase()
      return named !== method && METHODS.has(named)
    })
}

/** An upstream may stand behind one that decodes. */
function plain(text: string): string {
  return decodeLeniently(decodeLeniently(text.replaceAll('+', ' '))).trim()
}
