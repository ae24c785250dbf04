// What runs inside Redis: each of these is one atomic step, over keys that are all named and all of one slot.
// https://redis.io/docs/latest/develop/programmability/eval-intro/
import { createHash } from 'node:crypto'

export interface Script {
  readonly lua: string
  /** SHA-1 of the text, by which Redis knows it. */
  readonly sha: string
}

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

/**
 * An empty store gets a generation, and a first entry without an id: so every cursor names an entry that stands in the stream,
 * and one whose entry is gone is known to be lost. The stream alone may be missing where Redis has evicted it.
 */
const BEGIN = `
local function begin(meta, orders, generation)
  redis.call('HSETNX', meta, 'generation', generation)
  if redis.call('EXISTS', orders) == 0 then redis.call('XADD', orders, '*', 'i', '') end
end
`

/** Entries between two cursors, until there are enough of them or of their bytes. Bodies that are too long are left out. */
const READ = `
local function read(orders, bodies, from, to, max, bytesMax, bodyMax)
  local out, bytes, last, more = {}, 0, '', 0
  for n, entry in ipairs(redis.call('XRANGE', orders, from, to, 'COUNT', max + 1)) do
    if n > max or bytes > bytesMax then more = 1 break end
    last = entry[1]
    local id = entry[2][2]
    local body = id ~= '' and redis.call('HGET', bodies, id)
    if body and #body <= bodyMax then
      out[#out + 1] = id
      out[#out + 1] = body
      bytes = bytes + #body
    end
  end
  return out, last, more
end
`

/** KEYS meta, orders, bodies. ARGV generation, channel, then id and body of each. Gives how many were new. */
export const APPEND = script(`${BEGIN}
begin(KEYS[1], KEYS[2], ARGV[1])
local added = 0
for n = 3, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[3], ARGV[n], ARGV[n + 1]) == 1 then
    redis.call('XADD', KEYS[2], '*', 'i', ARGV[n])
    redis.call('PUBLISH', ARGV[2], 'entry ' .. ARGV[n] .. ' ' .. ARGV[n + 1])
    added = added + 1
  end
end
return added
`)

/**
 * KEYS meta, orders, bodies, heartbeats. ARGV generation, gateway, heartbeat, cursor, entries at most, bytes at most, bytes of a
 * body at most, then the wanted members. Gives generation, roster version, whether the cursor is lost, the next cursor, whether
 * there is more, the entries (id, body, id, ...) and one heartbeat (or an empty text) for the gateway and each wanted member.
 */
export const EXCHANGE = script(`${BEGIN}${READ}
begin(KEYS[1], KEYS[2], ARGV[1])
redis.call('HSET', KEYS[4], ARGV[2], ARGV[3])
local bodyMax = tonumber(ARGV[7])
local beats, bytes = {ARGV[3]}, 0
for from = 8, #ARGV, 1000 do
  local some = redis.call('HMGET', KEYS[4], unpack(ARGV, from, math.min(from + 999, #ARGV)))
  for _, beat in ipairs(some) do
    if beat and #beat <= bodyMax and bytes <= tonumber(ARGV[6]) then bytes = bytes + #beat else beat = '' end
    beats[#beats + 1] = beat
  end
end
local state = redis.call('HMGET', KEYS[1], 'generation', 'roster')
local cursor = ARGV[4]
if cursor == '' or #redis.call('XRANGE', KEYS[2], cursor, cursor) == 0 then
  return {state[1], state[2] or '0', 1, '', 0, {}, beats}
end
local entries, last, more = read(KEYS[2], KEYS[3], '(' .. cursor, '+', tonumber(ARGV[5]), tonumber(ARGV[6]), bodyMax)
return {state[1], state[2] or '0', 0, last == '' and cursor or last, more, entries, beats}
`)

/** KEYS meta, orders. ARGV generation. Gives the cursor of the newest entry. */
export const HEAD = script(`${BEGIN}
begin(KEYS[1], KEYS[2], ARGV[1])
return redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1][1]
`)

/** KEYS orders, bodies. ARGV from, to, entries at most, bytes at most, bytes of a body at most. Gives the last cursor, whether there is more, and the entries. */
export const PAGE = script(`${READ}
local entries, last, more = read(KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]))
return {last, more, entries}
`)

/** KEYS meta, orders, roster, heartbeats. ARGV generation, channel, gateway, record, 1 where it is gone. */
export const ENROL = script(`${BEGIN}
begin(KEYS[1], KEYS[2], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
redis.call('HINCRBY', KEYS[1], 'roster', 1)
if ARGV[5] == '1' then redis.call('HDEL', KEYS[4], ARGV[3]) end
redis.call('PUBLISH', ARGV[2], 'roster')
return 1
`)

/** KEYS the order's proofs. ARGV gateway, body, milliseconds to keep, the message, then the channels that it goes to. */
export const PUT_PROOF = script(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
for n = 5, #ARGV do redis.call('PUBLISH', ARGV[n], ARGV[4]) end
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
