// Challenges and counts of one-time passwords in the Redis of a fleet: a code that one gateway sent is taken by any, once.
import type { OtpStore, OtpVerdict } from '../../ports/otp.ts'
import { openCommands, type CommandsListener } from './commands.ts'
import { createKeys } from './keys.ts'
import { parsePlace } from './place.ts'
import { script } from './scripts.ts'
import type { RedisTls } from './settings.ts'

/** By the clock of Redis, as expiry goes. */
const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/** KEYS the challenge, all that are open by when they end. ARGV mark, whom it is about, milliseconds to keep. */
const OPEN = script(`${NOW}
redis.call('HSET', KEYS[1], 'mark', ARGV[1], 'about', ARGV[2], 'tries', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + ARGV[3], KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
`)

/** KEYS all that are open. */
const OUTSTANDING = script(`${NOW}
return redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')
`)

/**
 * KEYS the challenge, all that are open. ARGV mark, tries at most. Marks are keyed hashes: whoever guesses codes cannot choose them, so that the
 * time of the comparison tells nothing.
 */
const TRY = script(`
local held = redis.call('HMGET', KEYS[1], 'mark', 'about', 'tries')
if not held[1] or not held[2] or not held[3] then return {'absent', ''} end
local tries = tonumber(held[3]) + 1
redis.call('HSET', KEYS[1], 'tries', tries)
local most = tonumber(ARGV[2])
local isRight = held[1] == ARGV[1] and tries <= most
if isRight or tries >= most then redis.call('ZREM', KEYS[2], KEYS[1]) end
if not isRight then return {tries > most and 'exhausted' or 'wrong', held[2]} end
redis.call('HDEL', KEYS[1], 'mark', 'about', 'tries')
return {'right', held[2]}
`)

/** The cell rate of core/gcra. KEYS one a count. ARGV now, then period, step and whether it is only looked at, of each. Gives the waits. */
const COUNT = script(`
local now, waits = tonumber(ARGV[1]), {}
for n, key in ipairs(KEYS) do
  local period, step, peek = tonumber(ARGV[3 * n - 1]), tonumber(ARGV[3 * n]), ARGV[3 * n + 1] == '1'
  local next = math.max(tonumber(redis.call('GET', key) or '0'), now) + step
  local wait = next - period - now
  if wait > math.min(step / 1000, 0.1) then
    waits[n] = tostring(wait)
  else
    waits[n] = '0'
    if not peek then redis.call('SET', key, string.format('%.3f', next), 'PX', math.ceil(next - now) + 1) end
  end
end
return waits
`)

/** KEYS the key. ARGV milliseconds to keep. */
const ONCE = script(`
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 1 end
return 0
`)

export interface RedisOtpStoreOptions {
  readonly url: string
  readonly tls?: RedisTls
  readonly fleet: string
  readonly timeoutMs: number
  readonly fraction: () => number
  readonly listener?: CommandsListener
}

const SILENT: CommandsListener = { onUp: () => undefined, onDown: () => undefined }

/** Throws an Error of one line where the URL is none; an absent Redis is waited for. */
export function openRedisOtpStore(options: RedisOtpStoreOptions): OtpStore {
  const { url, tls, fleet, timeoutMs, fraction, listener = SILENT } = options
  const commands = openCommands(
    { place: parsePlace(url), timeoutMs, fraction, ...(tls === undefined ? {} : { tls }) },
    listener,
  )
  const keys = createKeys(fleet)
  return {
    async open(transaction, { mark, about }, ttlMs) {
      await commands.run(OPEN, [keys.otpOf('code', transaction), keys.otpOpen], [mark, about, ttlMs])
    },
    async try(transaction, mark, triesMax) {
      return verdictOf(await commands.run(TRY, [keys.otpOf('code', transaction), keys.otpOpen], [mark, triesMax]))
    },
    async count(counts, now) {
      const args = counts.flatMap(({ limit, peek }) => [
        limit.periodMs,
        limit.periodMs / limit.count,
        peek === true ? 1 : 0,
      ])
      const waits = await commands.run(
        COUNT,
        counts.map(({ key }) => keys.otpOf('count', key)),
        [now, ...args],
      )
      if (!Array.isArray(waits) || waits.length !== counts.length) throw new Error('Redis counted something else')
      return waits.map(waitOf)
    },
    async once(key, ttlMs) {
      return (await commands.run(ONCE, [keys.otpOf('once', key)], [ttlMs])) === 1
    },
    async outstanding() {
      const count = await commands.run(OUTSTANDING, [keys.otpOpen], [])
      if (typeof count !== 'number') throw new Error('Redis counted something else')
      return count
    },
    async close() {
      commands.close()
    },
  }
}

function verdictOf(answer: unknown): OtpVerdict {
  const [is, about] = Array.isArray(answer) ? (answer as readonly unknown[]) : []
  if (is === 'absent') return { is }
  if ((is === 'right' || is === 'wrong' || is === 'exhausted') && typeof about === 'string') return { is, about }
  throw new Error('Redis judged something else')
}

function waitOf(text: unknown): number {
  const wait = Number(text)
  if (!Number.isFinite(wait)) throw new Error('Redis counted something else')
  return Math.max(0, wait)
}
