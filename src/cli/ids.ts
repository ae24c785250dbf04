// Ids are 43 characters; a person may give the beginning of one, as long as it can mean only one.
import { didYouMean } from '../core/did-you-mean.ts'

/**
 * Puts ids that begin with a dash, as one in 64 does, behind `--`, so that what a command printed can be given back to it.
 * Long enough words that are no options of the command are taken for ids.
 */
export function shieldIds(argv: readonly string[], options: readonly string[]): readonly string[] {
  const end = argv.indexOf('--')
  const words = end === -1 ? argv : argv.slice(0, end)
  const isId = (word: string): boolean => /^-[\w-]{11,42}$/.test(word) && !options.includes(word)
  const ids = words.filter(isId)
  if (ids.length === 0) return argv
  return [...words.filter((word) => !isId(word)), '--', ...ids, ...(end === -1 ? [] : argv.slice(end + 1))]
}

/** Fewer could be forged by whoever serves the list: 12 characters of base64url are 72 bits. */
const PREFIX_LENGTH_MIN = 12

export const ID_SHOWN = 12

/** The one id that begins so, or why there is none. */
export function findId(given: string, ids: readonly string[], what: string): string | { readonly problem: string } {
  if (ids.includes(given)) return given
  const found = given.length >= PREFIX_LENGTH_MIN ? ids.filter((id) => id.startsWith(given)) : []
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  if (found.length > 1) return { problem: `${what} ${given}: ${found.length} ids begin so, give more of it` }
  if (ids.some((id) => id.startsWith(given)))
    return { problem: `${what} ${given}: give at least ${PREFIX_LENGTH_MIN} characters of the id` }
  return { problem: `there is no ${what} ${given}${didYouMean(given, ids)}: see portcullis status` }
}
