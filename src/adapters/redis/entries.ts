// Orders in Redis: appended once each, read after a cursor, read whole.
import { BODY_BYTES_MAX, ENTRIES_MAX } from '../../core/fleet-limits.ts'
import type { FleetEntry, FleetStore } from '../../ports/fleet-store.ts'
import type { Commands } from './commands.ts'
import type { Keys } from './keys.ts'
import { APPEND, EXCHANGE, HEAD, PAGE } from './scripts.ts'
import {
  checkBodies,
  checkNames,
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
/** Pages after which a snapshot is taken for one that never ends. */
const PAGES_MAX = 10_000

export function createEntries(parts: StoreParts): Pick<FleetStore, 'exchange' | 'snapshot' | 'append'> {
  const { commands, keys, generation, onDropped } = parts
  const { meta, orders, bodies, heartbeats } = keys
  return {
    async exchange({ gateway, heartbeat, cursor, wanted }) {
      const names = [gateway, ...wanted]
      checkNames(names)
      checkBodies([heartbeat])
      const limits = [ENTRIES_MAX, BATCH_BYTES_MAX, BODY_BYTES_MAX]
      const args = [generation(), gateway, heartbeat, isCursor(cursor) ? cursor : '', ...limits, ...wanted]
      return parseExchange(await commands.run(EXCHANGE, [meta, orders, bodies, heartbeats], args), names, onDropped)
    },

    async snapshot() {
      const cursor = await commands.run(HEAD, [meta, orders], [generation()])
      if (!isCursor(cursor)) throw unknownShape('HEAD')
      const read = (from: string): Promise<unknown> =>
        commands.run(PAGE, [orders, bodies], [from, cursor, ENTRIES_MAX, BATCH_BYTES_MAX, BODY_BYTES_MAX])
      return { cursor, pages: readPages(read, onDropped) }
    },

    async append(entries) {
      checkNames(entries.map(({ id }) => id))
      checkBodies(entries.map(({ body }) => body))
      let added = 0
      for (const batch of batchesOf(entries)) {
        const args = [generation(), keys.news, ...batch.flatMap(({ id, body }) => [id, body])]
        added += parseCount(await commands.run(APPEND, [meta, orders, bodies], args), batch.length)
      }
      return added
    },
  }
}

/** Pages by position in the stream: unlike a scan of a hash, this stays right where Redis restarts or fails over in between. */
async function* readPages(
  read: (from: string) => Promise<unknown>,
  onDropped: OnDropped,
): AsyncGenerator<readonly FleetEntry[]> {
  let from = '-'
  for (let page = 0; page < PAGES_MAX; page++) {
    const [last, more, entries] = parseList(await read(from))
    yield parseEntries(entries, onDropped)
    if (more !== 1) return
    if (!isCursor(last)) throw unknownShape('PAGE')
    from = `(${last}`
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
