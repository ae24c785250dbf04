// Ids are 43 characters; a person may give the beginning of one, as long as it can mean only one.
import { didYouMean } from '../core/did-you-mean.ts'

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
