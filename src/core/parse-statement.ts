// A verified JWS payload: unknown -> Statement, or every problem that it has. Pure: signatures are checked elsewhere.
import { given, isFields, oneOf, Reader, seconds, strings } from './order-reader.ts'
import type { Order, OrderProblems, Statement } from './order.ts'
import { parseOrder } from './parse-order.ts'

/** An envelope that nobody remembers is a key that nobody guards. */
const SEALED_SECONDS_MAX = 400 * 86_400

/** Every problem at once, each naming its field. */
export function parseStatement(payload: unknown): Statement | OrderProblems {
  if (!isFields(payload)) return { problems: ['the payload must be a JSON object'] }
  const reader = new Reader(payload, '')
  const iss = reader.text('iss', 'the name of the responder who signs')
  const jti = reader.text('jti', 'an id that no other order has')
  const aud = reader.optional('aud', 'a text or a list of texts', audience)
  const nbf = reader.optional('nbf', 'a time in seconds', seconds)
  const exp = reader.optional('exp', 'a time in seconds', seconds)
  const sealed = reader.optional('sealed', 'true, or absent', oneOf([true] as const))
  const iat = reader.optional('iat', 'a time in seconds', seconds) ?? (sealed && nbf)
  if (!reader.has('iat') && !reader.has('sealed')) reader.problem('iat', 'is required: the time of signing, in seconds')
  if (sealed) checkSealedTimes(reader, nbf, exp)
  const order = parseOrder(payload.order)
  if ('problems' in order) return { problems: [...reader.problems, ...order.problems] }
  if (sealed) checkSealedOrder(reader, order)
  if (reader.problems.length > 0 || iat === undefined) return { problems: reader.problems }
  return { iss, iat, jti, order, ...given({ aud, nbf, exp, sealed }) }
}

function audience(value: unknown): readonly string[] | undefined {
  return typeof value === 'string' && value !== '' ? [value] : strings(value)
}

function checkSealedTimes(reader: Reader, nbf: number | undefined, exp: number | undefined): void {
  if (!reader.has('nbf')) reader.problem('nbf', 'is required: from when a sealed order holds, in seconds')
  if (!reader.has('exp')) reader.problem('exp', 'is required: until when a sealed order holds, in seconds')
  if (nbf === undefined || exp === undefined) return
  if (exp <= nbf) reader.problem('exp', 'must come after nbf')
  if (exp - nbf > SEALED_SECONDS_MAX) reader.problem('exp', 'is more than 400 days after nbf: seal another one then')
}

/** What lies in a drawer can only freeze. */
function checkSealedOrder(reader: Reader, order: Order): void {
  if (order.kind !== 'lock' || order.mode !== 'deny' || order.scope.all !== true)
    reader.problem('sealed', 'goes with a freeze alone: a lock of { "all": true } in mode deny')
}
