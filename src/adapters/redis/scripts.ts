// What runs inside Redis: each of these is one atomic step, over keys that are all named and all of one slot.
// https://redis.io/docs/latest/develop/programmability/eval-intro/
import { createHash } from 'node:crypto'

export interface Script {
  readonly lua: string
  /** SHA-1 of the text, by which Redis knows it. */
  readonly sha: string
}

export function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

/**
 * An empty store gets a generation, and a first entry without an id: so every cursor names an entry that stands in the stream,
 * and one whose entry is gone (emptied, an older dump, trimmed) is known to be lost. The stream alone is missing where Redis
 * has evicted it.
 */
const BEGIN = `
local function begin(generation, orders, given)
  redis.call('SET', generation, given, 'NX')
  if redis.call('EXISTS', orders) == 0 then redis.call('XADD', orders, '*', 'id', '', 'body', '') end
end
`

/** KEYS generation, orders, table. ARGV generation, channel, length of the stream, then id and body of each. Gives how many were new. */
export const APPEND = script(`${BEGIN}
begin(KEYS[1], KEYS[2], ARGV[1])
local added = 0
for n = 4, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[3], ARGV[n], ARGV[n + 1]) == 1 then
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'id', ARGV[n], 'body', ARGV[n + 1])
    redis.call('PUBLISH', ARGV[2], 'entry ' .. ARGV[n] .. ' ' .. ARGV[n + 1])
    added = added + 1
  end
end
return added
`)

/**
 * KEYS generation, orders, beats, roster version. ARGV generation, gateway, heartbeat, cursor, entries at most, bytes at most,
 * bytes of a body at most, then the wanted members. Gives generation, roster version, whether the cursor is lost, the next
 * cursor, whether there is more, the entries (id, body, id, ...) and one heartbeat (or an empty text) for the gateway and each
 * wanted member, and the time (empty where the user may not ask for it). Bodies that are too long are left out.
 */
export const EXCHANGE = script(`${BEGIN}
begin(KEYS[1], KEYS[2], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])
local cursor, entriesMax, bytesMax, bodyMax = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local beats, bytes = {ARGV[3]}, 0
for from = 8, #ARGV, 1000 do
  for _, beat in ipairs(redis.call('HMGET', KEYS[3], unpack(ARGV, from, math.min(from + 999, #ARGV)))) do
    if beat and #beat <= bodyMax and bytes <= bytesMax then bytes = bytes + #beat else beat = '' end
    beats[#beats + 1] = beat
  end
end
local generation, version = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[4]) or '0'
local time, now = redis.pcall('TIME'), ''
if time[2] then now = time[1] .. '.' .. string.format('%06d', time[2]) end
if cursor == '' or #redis.call('XRANGE', KEYS[2], cursor, cursor) == 0 then
  return {generation, version, 1, '', 0, {}, beats, now}
end
local entries, more = {}, 0
bytes = 0
for n, entry in ipairs(redis.call('XRANGE', KEYS[2], '(' .. cursor, '+', 'COUNT', entriesMax + 1)) do
  if n > entriesMax or bytes > bytesMax then more = 1 break end
  cursor = entry[1]
  local id, body = entry[2][2], entry[2][4]
  if id ~= '' and body and #body <= bodyMax then
    entries[#entries + 1] = id
    entries[#entries + 1] = body
    bytes = bytes + #body
  end
end
return {generation, version, 0, cursor, more, entries, beats, now}
`)

/** KEYS generation, orders. ARGV generation. Gives the cursor of the newest entry. */
export const HEAD = script(`${BEGIN}
begin(KEYS[1], KEYS[2], ARGV[1])
return redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1][1]
`)

/**
 * KEYS table. ARGV where the scan stands, about how many, bytes of a body at most. Gives the run of this Redis, where the scan
 * stands next, and the entries.
 */
export const PAGE = script(`
local found = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local entries = {}
for n = 1, #found[2], 2 do
  if #found[2][n + 1] <= tonumber(ARGV[3]) then
    entries[#entries + 1] = found[2][n]
    entries[#entries + 1] = found[2][n + 1]
  end
end
return {string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or '', found[1], entries}
`)

/** KEYS generation, orders, roster, beats, roster version, roster order. ARGV generation, channel, gateway, record, 1 where it is gone. */
export const ENROL = script(`${BEGIN}
begin(KEYS[1], KEYS[2], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
if ARGV[5] == '1' then redis.call('HDEL', KEYS[4], ARGV[3]) end
redis.call('ZADD', KEYS[6], redis.call('INCR', KEYS[5]), ARGV[3])
redis.call('PUBLISH', ARGV[2], 'roster')
return 1
`)

/**
 * KEYS roster, roster version, roster order. ARGV the version, bytes of all at most, bytes of one at most. Gives 1 and name, text,
 * name, text, ... of what was put after it; 0 where that cannot be told: an older Redis, an evicted key, or too much.
 */
export const ROSTER_SINCE = script(`
local last = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
local version = tonumber(redis.call('GET', KEYS[2]) or '0')
if not version or version < tonumber(ARGV[1]) or tonumber(last[2] or '0') ~= version then return {0, {}} end
if redis.call('ZCARD', KEYS[3]) ~= redis.call('HLEN', KEYS[1]) then return {0, {}} end
local out, bytes = {}, 0
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[1], '+inf')) do
  local text = redis.call('HGET', KEYS[1], name)
  if text and #text <= tonumber(ARGV[3]) then
    bytes = bytes + #text
    if bytes > tonumber(ARGV[2]) then return {0, {}} end
    out[#out + 1] = name
    out[#out + 1] = text
  end
end
return {1, out}
`)

/** KEYS the order's proofs. ARGV gateway, body, milliseconds to keep, the message, then the channels that it goes to. */
export const PUT_PROOF = script(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
for n = 5, #ARGV do redis.call('PUBLISH', ARGV[n], ARGV[4]) end
return 1
`)

/** KEYS any of the fleet's, so that a cluster knows the node. ARGV the message, then the channels that it goes to. */
export const TELL = script(`
for n = 2, #ARGV do redis.call('PUBLISH', ARGV[n], ARGV[1]) end
return 1
`)

/** KEYS a hash. ARGV bytes of all at most, bytes of one at most. Gives name, text, name, text, ... */
export const READ_ALL = script(`
local all, out, bytes = redis.call('HGETALL', KEYS[1]), {}, 0
for n = 1, #all, 2 do
  local text = all[n + 1]
  if #text <= tonumber(ARGV[2]) and bytes <= tonumber(ARGV[1]) then
    out[#out + 1] = all[n]
    out[#out + 1] = text
    bytes = bytes + #text
  end
end
return out
`)
