// What a fleet counts together of sessions, in its Redis: proofs of possession that were used, and what each OTP was used for.
import type { FleetTally, FleetVerdict } from '../../ports/fleet-tally.ts'
import type { Logger } from '../../ports/logger.ts'
import { openCommands, type CommandsListener } from './commands.ts'
import { createKeys } from './keys.ts'
import { parsePlace } from './place.ts'
import { script } from './scripts.ts'
import type { RedisTls } from './settings.ts'

/** KEYS the proof. ARGV milliseconds to keep. */
const ONCE = script(`
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 1 end
return 0
`)

/**
 * KEYS the OTP. ARGV milliseconds to keep, people and routes at most, how many are held, then those, then the fresh. What is held
 * was granted already. The last digit of an entry is odd for people. Gives 1, or 0 and all that the fleet has granted.
 */
const SPEND = script(`
local people, routes, heldCount = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
for n = 5, 4 + heldCount do redis.call('HSET', KEYS[1], ARGV[n], '1') end
local known, seen, count = {}, {}, {0, 0}
local all = redis.call('HGETALL', KEYS[1])
local function add(entry)
  local kind = tonumber(string.sub(entry, -1), 16) % 2 + 1
  seen[entry] = true
  count[kind] = count[kind] + 1
end
for n = 1, #all, 2 do
  known[#known + 1] = all[n]
  add(all[n])
end
local before, fresh = {count[1], count[2]}, {}
for n = 5 + heldCount, #ARGV do
  if not seen[ARGV[n]] then
    fresh[#fresh + 1] = ARGV[n]
    add(ARGV[n])
  end
end
local fits = (count[2] <= people or count[2] == before[2]) and (count[1] <= routes or count[1] == before[1])
if fits then
  for _, entry in ipairs(fresh) do redis.call('HSET', KEYS[1], entry, '1') end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
if fits then return {1} end
return {0, unpack(known)}
`)

/** After its last use. What an OTP bought is known longer by the gateways that granted it. */
const SPENT_KEPT_MS = 86_400_000

export interface RedisTallyOptions {
  readonly url: string
  readonly tls?: RedisTls
  readonly fleet: string
  readonly timeoutMs: number
  readonly fraction: () => number
  readonly members: () => number
  readonly logger: Logger
}

/** Throws an Error of one line where the URL is none; an absent Redis is waited for. */
export function openRedisTally(options: RedisTallyOptions): FleetTally {
  const { url, tls, fleet, timeoutMs, fraction, members, logger } = options
  let isClosed = false
  const commands = openCommands(
    { place: parsePlace(url), timeoutMs, fraction, ...(tls === undefined ? {} : { tls }) },
    listenerOf(logger, () => isClosed),
  )
  const keys = createKeys(fleet)
  return {
    members,
    async once(name, ttlMs) {
      try {
        return (await commands.run(ONCE, [keys.proofOf(name)], [Math.ceil(ttlMs)])) === 1 ? 'first' : 'again'
      } catch {
        return 'full'
      }
    },
    async spend({ otp, held, fresh }, { people, routes }) {
      const args = [SPENT_KEPT_MS, people, routes, held.length, ...held, ...fresh]
      try {
        return verdictOf(await commands.run(SPEND, [keys.otpOf('spent', otp)], args))
      } catch {
        return undefined
      }
    },
    async close() {
      isClosed = true
      commands.close()
    },
  }
}

/** Told when it changes: a flood of requests must not be one of lines. */
function listenerOf(logger: Logger, isClosed: () => boolean): CommandsListener {
  let isDown = false
  return {
    onUp() {
      if (isDown) logger.info('Redis is back: OTPs and proofs are counted over the fleet again')
      isDown = false
    },
    onDown(problem) {
      if (isDown || isClosed()) return
      isDown = true
      logger.warn('Redis is away: OTPs buy a share of their budget here, proofs of possession are not taken', {
        problem,
      })
    },
  }
}

const ENTRY = /^[0-9a-f]{16}$/

function verdictOf(answer: unknown): FleetVerdict {
  const [fits, ...held] = Array.isArray(answer) ? (answer as readonly unknown[]) : []
  if (fits === 1) return { fits: true }
  const entries = held.filter((entry): entry is string => typeof entry === 'string' && ENTRY.test(entry))
  if (fits === 0 && entries.length === held.length) return { fits: false, held: entries }
  throw new Error('Redis counted something else')
}
