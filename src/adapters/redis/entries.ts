// Orders in Redis: appended once each, read after a cursor, read whole.
import { BODY_BYTES_MAX, ENTRIES_MAX } from '../../core/fleet-limits.ts'
import type { FleetEntry, FleetStore } from '../../ports/fleet-store.ts'
import type { Commands } from './commands.ts'
import type { Keys } from './keys.ts'
import { APPEND, EXCHANGE, HEAD, PAGE } from './scripts.ts'
import {
  checkTexts,
  isCursor,
  parseCount,
  parseEntries,
  parseExchange,
  parseList,
  unknownShape,
  type OnDropped,
} from './shapes.ts'

export interface StoreParts {
  readonly commands: Commands
  readonly keys: Keys
  /** What an empty store is marked with. */
  readonly generation: () => string
  readonly onDropped: OnDropped
}

/** Bytes of bodies after which a script adds no more: one answer, or one call of `append`, is this and one body at most. */
const BATCH_BYTES_MAX = 4 * 1024 * 1024
/** A gateway that lacks more than so many reads the snapshot, which holds all of them. */
const STREAM_LENGTH = 10_000
/** Entries that a page is asked to hold, about: with bodies of the greatest length that is half of what an answer may be. */
const PAGE_SIZE = 128
/** Pages after which a snapshot is taken for one that never ends: a million entries. */
const PAGES_MAX = 10_000

export function createEntries(parts: StoreParts): Pick<FleetStore, 'exchange' | 'snapshot' | 'append'> {
  const { commands, keys, generation, onDropped } = parts
  return {
    async exchange({ gateway, heartbeat, cursor, wanted }) {
      const names = [gateway, ...wanted]
      checkTexts(names, [heartbeat])
      const named = [keys.generation, keys.orders, keys.beats, keys.rosterVersion]
      const limits = [ENTRIES_MAX, BATCH_BYTES_MAX, BODY_BYTES_MAX]
      const args = [generation(), gateway, heartbeat, isCursor(cursor) ? cursor : '', ...limits, ...wanted]
      return parseExchange(await commands.run(EXCHANGE, named, args), names, onDropped)
    },

    async snapshot() {
      const cursor = await commands.run(HEAD, [keys.generation, keys.orders], [generation()])
      if (!isCursor(cursor)) throw unknownShape('HEAD')
      const read = (from: string): Promise<unknown> =>
        commands.run(PAGE, [keys.table], [from, PAGE_SIZE, BODY_BYTES_MAX])
      return { cursor, pages: readPages(read, onDropped) }
    },

    async append(entries) {
      checkTexts(
        entries.map(({ id }) => id),
        entries.map(({ body }) => body),
      )
      const named = [keys.generation, keys.orders, keys.table]
      let added = 0
      for (const batch of batchesOf(entries)) {
        const args = [generation(), keys.news, STREAM_LENGTH, ...batch.flatMap(({ id, body }) => [id, body])]
        added += parseCount(await commands.run(APPEND, named, args), batch.length)
      }
      return added
    },
  }
}

/**
 * Where a scan stands means something to one run of one Redis only, since each hashes by a seed of its own: after a restart or a
 * failover it would leave entries out, and has to begin anew.
 */
async function* readPages(
  read: (from: string) => Promise<unknown>,
  onDropped: OnDropped,
): AsyncGenerator<readonly FleetEntry[]> {
  let from = '0'
  let firstRun: unknown
  for (let page = 0; page < PAGES_MAX; page++) {
    const [run, next, found] = parseList(await read(from))
    firstRun ??= run
    if (run !== firstRun) throw new Error('Redis was restarted or replaced while its snapshot was read: read it again')
    const entries = parseEntries(found, onDropped)
    for (let at = 0; at < entries.length; at += ENTRIES_MAX) yield entries.slice(at, at + ENTRIES_MAX)
    if (next === '0') return
    if (typeof next !== 'string' || !/^\d{1,20}$/.test(next)) throw unknownShape('PAGE')
    from = next
  }
  throw new Error(`the snapshot in Redis has more than ${PAGES_MAX} pages`)
}

/** So many that one script takes little time, which every other gateway waits for. */
function* batchesOf(entries: readonly FleetEntry[]): Generator<readonly FleetEntry[]> {
  let batch: FleetEntry[] = []
  let bytes = 0
  for (const entry of entries) {
    if (batch.length === ENTRIES_MAX || bytes > BATCH_BYTES_MAX) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(entry)
    bytes += entry.body.length
  }
  if (batch.length > 0) yield batch
}
