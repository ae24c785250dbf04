// The fleet store over Redis: two connections, and scripts that are one atomic step each.
import type { FleetStore, FleetStoreListener } from '../../ports/fleet-store.ts'
import type { Logger } from '../../ports/logger.ts'
import { openCommands } from './commands.ts'
import { createContact } from './contact.ts'
import { createEntries } from './entries.ts'
import { createKeys } from './keys.ts'
import { createMembers } from './members.ts'
import { parsePlace } from './place.ts'
import type { RedisSettings, RedisTls } from './settings.ts'
import { parseMessage, type OnDropped } from './shapes.ts'
import { subscribe } from './subscription.ts'

export interface RedisFleetStoreOptions {
  /** `redis://`, `redis-sentinel://` or `redis-cluster://`, each also with TLS as `rediss...`. */
  readonly url: string
  readonly tls?: RedisTls
  readonly fleet: string
  /** Whose proofs are listened for. */
  readonly gateway: string
  /** Within this each call is answered or rejects. */
  readonly timeoutMs: number
  readonly logger: Logger
  readonly randomness: { hex(bytes: number): string; fraction(): number }
}

/**
 * Connects by itself and goes on trying: an absent Redis is no error here. Throws an Error of one line where the URL is none.
 * A Redis below 6.2 lacks what the scripts need, and says so at the first call.
 */
export function openRedisFleetStore(options: RedisFleetStoreOptions): FleetStore {
  const { timeoutMs, randomness, logger } = options
  const settings: RedisSettings = {
    place: parsePlace(options.url),
    timeoutMs,
    fraction: () => randomness.fraction(),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  }
  const keys = createKeys(options.fleet)
  const onDropped = createDropLog(logger)
  const contact = createContact(logger)
  const commands = openCommands(settings, contact.part('commands'))
  // Used only where the store is empty.
  const generation = (): string => randomness.hex(16)
  let subscription: { close(): void } | undefined
  return {
    ...createEntries({ commands, keys, generation, onDropped }),
    ...createMembers({ commands, keys, generation, onDropped }),
    listen(listener) {
      contact.listen(listener)
      subscription = subscribe(settings, [keys.news, keys.channelOf(options.gateway)], {
        ...contact.part('subscription'),
        onMessage: (text) => {
          deliver(text, listener, onDropped)
        },
      })
    },
    close() {
      contact.end()
      subscription?.close()
      commands.close()
      return Promise.resolve()
    },
  }
}

function deliver(text: string, listener: FleetStoreListener, onDropped: OnDropped): void {
  const message = parseMessage(text)
  if (message === undefined) onDropped('message')
  else if (message.kind === 'entry') listener.onEntry(message.entry)
  else if (message.kind === 'proof') listener.onProof(message.proof)
  else if (message.kind === 'told') listener.onTold(message.text)
  else listener.onRoster()
}

/** Says the first that is dropped, the tenth, the hundredth: a hostile Redis does not fill the log. */
function createDropLog(logger: Logger): OnDropped {
  const counts = new Map<string, number>()
  return (what) => {
    const count = (counts.get(what) ?? 0) + 1
    counts.set(what, count)
    if (Number.isInteger(Math.log10(count)))
      logger.warn('Redis holds something that is not of this fleet: it was dropped', { what, count })
  }
}
