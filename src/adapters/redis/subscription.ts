// The connection that Redis speaks on by itself. It is made anew whenever it ends, and what was said in between is not repeated:
// whoever listens reads the store again at `onUp`, which comes after the subscription stands.
import { Redis } from 'ioredis'
import { oneLine } from './commands.ts'
import { backoffMs, subscriptionOptions, type RedisSettings } from './settings.ts'

export interface SubscriptionListener {
  onUp(): void
  onDown(problem: string): void
  onMessage(text: string): void
}

/** Nothing comes for days where nothing happens: a question each second shows whether the connection still stands. */
const PING_INTERVAL_MS = 1000

/** In a cluster any node will do: what is published goes to all of them. The nodes of the URL are tried in turn. */
export function subscribe(
  settings: RedisSettings,
  channels: readonly string[],
  listener: SubscriptionListener,
): { close(): void } {
  const { place, fraction } = settings
  let attempts = 0
  let isClosed = false
  let client: Redis | undefined
  let timer: NodeJS.Timeout | undefined
  const open = (): void => {
    const at = place.kind === 'cluster' ? place.nodes[attempts % place.nodes.length] : undefined
    const redis = new Redis(subscriptionOptions(settings, at))
    client = redis
    let problem = 'the connection was closed'
    let ping: NodeJS.Timeout | undefined
    redis.on('error', (error: unknown) => {
      problem = oneLine(error)
      redis.disconnect()
    })
    redis.on('message', (_channel: string, text: string) => {
      if (!isClosed) listener.onMessage(text)
    })
    redis.once('end', () => {
      clearInterval(ping)
      if (isClosed) return
      listener.onDown(problem)
      timer = setTimeout(open, backoffMs(++attempts, fraction))
    })
    const begin = async (): Promise<void> => {
      await redis.connect()
      await redis.subscribe(...channels)
      attempts = 0
      ping = setInterval(() => {
        redis.ping().catch(() => {
          redis.disconnect()
        })
      }, PING_INTERVAL_MS)
      listener.onUp()
    }
    begin().catch((error: unknown) => {
      problem = oneLine(error)
      redis.disconnect()
    })
  }
  open()
  return {
    close() {
      isClosed = true
      clearTimeout(timer)
      client?.disconnect()
    },
  }
}
