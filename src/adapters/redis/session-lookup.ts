// Opaque sessions in a Redis: one question each, over a connection of their own.
import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Found, SessionLookup } from '../../ports/session-lookup.ts'
import { parsePlace } from './place.ts'
import { connectionOptions } from './settings.ts'

export interface SessionLookupOptions {
  readonly url: string
  readonly password?: string
  /** With `{token}`, or `{sha256}` for its hash in hex. */
  readonly key: string
  readonly timeoutMs: number
  readonly fraction: () => number
}

/** A session is some hundred bytes; what Redis says beside it is short. */
const SESSION_BYTES_MAX = 65_535
const REPLY_LIMITS = { bytesMax: 262_144, itemsMax: 1_000, depthMax: 4 }

/** Never waits for Redis: where there is no contact a look-up fails at once. Throws an Error where the URL is none of a server. */
export function createSessionLookup({ url, password, key, ...options }: SessionLookupOptions): SessionLookup {
  const place = parsePlace(url)
  if (place.kind === 'cluster') throw new Error('sessions are looked up in one server, or behind Sentinels')
  const credentials = { ...place.credentials, ...(password === undefined ? {} : { password }) }
  const client = new Redis(connectionOptions({ ...options, place: { ...place, credentials } }, REPLY_LIMITS))
  let problem = 'no contact yet'
  let isClosed = false
  client.on('error', (error) => {
    problem = error.message
  })
  const connect = (): void => {
    if (!isClosed) client.connect().catch(() => undefined)
  }
  client.on('end', () => {
    setTimeout(connect, options.timeoutMs).unref()
  })
  connect()
  return {
    find: async (token) => {
      if (client.status !== 'ready') throw new Error(`Redis has no contact: ${problem}`)
      // Not GET: of a key that is absent that answers null, at which the screen cuts the connection.
      return claimsIn(await client.getrange(keyOf(key, token), 0, SESSION_BYTES_MAX))
    },
    close: () => {
      isClosed = true
      client.disconnect()
      return Promise.resolve()
    },
  }
}

function keyOf(key: string, token: string): string {
  // As functions: a token may hold `$&`.
  return key
    .replaceAll('{token}', () => token)
    .replaceAll('{sha256}', () => createHash('sha256').update(token).digest('hex'))
}

function claimsIn(text: string): Found {
  if (text === '') return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('a session in Redis is no JSON object')
  return value as Found
}
