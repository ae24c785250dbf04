// Whether a body says of itself that it is JSON as it stands: in UTF-8, and under no coding that would have to be taken off first.
import type { Fields } from '../http1/fields.ts'

// RFC 8259, 11 and RFC 6839, 3.1. A charset has no meaning for JSON, but some readers mind it.
const JSON_TYPE =
  /^application\/(?:json|[a-z0-9.!#$&^_-]+\+json)[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*"?utf-8"?[ \t]*)?;?$/i

/** False also where the field stands twice: two readers may mind different ones. */
export function isPlainJson(fields: Fields): boolean {
  if (fields.countOf('content-type') > 1) return false
  const type = fields.first('content-type')
  return type !== undefined && JSON_TYPE.test(type) && !isCoded(fields)
}

/** Whether a content coding is on it (RFC 9110, 8.4). */
function isCoded(fields: Fields): boolean {
  const coding = fields.joined('content-encoding')
  return coding !== undefined && coding.toLowerCase() !== 'identity'
}
