// Fleet stores over a real Redis, and a listener that tests wait for.
import { EventEmitter, once } from 'node:events'
import { openRedisFleetStore, type RedisFleetStoreOptions } from '../../src/adapters/redis/fleet-store.ts'
import { createRandomness } from '../../src/adapters/node/randomness.ts'
import type { FleetEntry, FleetStore, FleetStoreListener } from '../../src/ports/fleet-store.ts'
import type { Logger } from '../../src/ports/logger.ts'

export function entry(name: string | number): FleetEntry {
  return { id: `order-${name}/one/1`, body: `{"order":"${name}"}` }
}

export interface LogLines extends Logger {
  readonly lines: string[]
}

export function createLog(): LogLines {
  const lines: string[] = []
  const write = (message: string, fields?: Readonly<Record<string, unknown>>): void => {
    lines.push(`${message} ${JSON.stringify(fields ?? {})}`)
  }
  return { lines, debug: write, info: write, warn: write, error: write }
}

type Options = Pick<RedisFleetStoreOptions, 'url' | 'fleet' | 'gateway'> & Partial<RedisFleetStoreOptions>

/** The limit is wide by default: this machine is shared, and no test waits for it to pass unless it means to. */
export function openStore(options: Options): FleetStore {
  return openRedisFleetStore({ timeoutMs: 5000, logger: createLog(), randomness: createRandomness(), ...options })
}

export async function entriesOf(store: FleetStore): Promise<readonly FleetEntry[]> {
  const all: FleetEntry[] = []
  for await (const page of (await store.snapshot()).pages) all.push(...page)
  return all
}

export interface TestListener extends FleetStoreListener {
  readonly events: string[]
  /** Resolves once an event that begins so has come that no earlier call has taken. */
  heard(beginning: string): Promise<string>
}

export function createListener(): TestListener {
  const events: string[] = []
  const taken = new Set<number>()
  const bell = new EventEmitter()
  const push = (event: string): void => {
    events.push(event)
    bell.emit('event')
  }
  return {
    events,
    onEntry: (each) => {
      push(`entry ${JSON.stringify(each)}`)
    },
    onProof: (proof) => {
      push(`proof ${JSON.stringify(proof)}`)
    },
    onTold: (text) => {
      push(`told ${text}`)
    },
    onRoster: () => {
      push('roster')
    },
    onConnected: () => {
      push('connected')
    },
    onLost: (problem) => {
      push(`lost ${problem}`)
    },
    async heard(beginning) {
      for (;;) {
        const at = events.findIndex((event, index) => !taken.has(index) && event.startsWith(beginning))
        if (at >= 0) {
          taken.add(at)
          return events[at] ?? ''
        }
        await once(bell, 'event')
      }
    },
  }
}
