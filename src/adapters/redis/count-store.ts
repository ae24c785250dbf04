// What gateways have counted of people, in a stream of the fleet's Redis: a gateway that starts reads what is still there.
import { BODY_BYTES_MAX } from '../../core/fleet-limits.ts'
import { isFleetBody } from '../../core/fleet-text.ts'
import type { CountStore } from '../../ports/count-store.ts'
import { openCommands } from './commands.ts'
import { createKeys } from './keys.ts'
import { parsePlace } from './place.ts'
import { script } from './scripts.ts'
import type { RedisTls } from './settings.ts'
import { checkTexts, isCursor, parseList, unknownShape } from './shapes.ts'

/** Bodies that are kept: of two gateways that count all the time the last hours, and 100 MB at the very most of a usual kind. */
const KEPT = 20_000
const ENTRIES_MAX = 128
const BYTES_MAX = 4 * 1024 * 1024

/** KEYS the stream. ARGV cursor, entries at most, bytes at most, bytes of a body at most, entries kept, then bodies. Gives cursor, whether there is more, bodies. */
const EXCHANGE_COUNTS = script(`
for n = 6, #ARGV do redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], '*', 'body', ARGV[n]) end
local cursor, entriesMax, bytes, more, bodies = ARGV[1], tonumber(ARGV[2]), 0, 0, {}
local from = cursor == '' and '-' or '(' .. cursor
for n, entry in ipairs(redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', entriesMax + 1)) do
  if n > entriesMax or bytes > tonumber(ARGV[3]) then more = 1 break end
  cursor = entry[1]
  local body = entry[2][2]
  if body and #body <= tonumber(ARGV[4]) then
    bodies[#bodies + 1] = body
    bytes = bytes + #body
  end
end
return {cursor, more, bodies}
`)

export interface RedisCountStoreOptions {
  readonly url: string
  readonly tls?: RedisTls
  readonly fleet: string
  readonly timeoutMs: number
  readonly fraction: () => number
}

/** Throws an Error of one line where the URL is none; an absent Redis is waited for. */
export function openRedisCountStore({ url, tls, fleet, timeoutMs, fraction }: RedisCountStoreOptions): CountStore {
  const commands = openCommands(
    { place: parsePlace(url), timeoutMs, fraction, ...(tls === undefined ? {} : { tls }) },
    { onUp: () => undefined, onDown: () => undefined },
  )
  const { counts } = createKeys(fleet)
  return {
    async exchange(cursor, bodies) {
      checkTexts([], bodies)
      const answer = parseList(
        await commands.run(
          EXCHANGE_COUNTS,
          [counts],
          [cursor, ENTRIES_MAX, BYTES_MAX, BODY_BYTES_MAX, KEPT, ...bodies],
        ),
      )
      const [next, more, found] = answer
      if (next !== '' && !isCursor(next)) throw unknownShape('EXCHANGE_COUNTS')
      return { cursor: next, isMore: more === 1, bodies: parseList(found).filter(isFleetBody) }
    },
    close() {
      commands.close()
    },
  }
}
