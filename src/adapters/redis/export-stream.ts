// Records to a Redis stream. The entry's id is its place in the log, so that a batch that comes again adds nothing twice.
import { Redis } from 'ioredis'
import type { ExportSink } from '../../ports/export-sink.ts'

export interface StreamOptions {
  readonly url: string
  readonly key: string
  /** The stream is trimmed to about so many entries. */
  readonly lengthMax: number
}

const TIMEOUT_MS = 10_000
/** Redis says this of an id that it has already, or that is older than its last one. */
const KNOWN = /equal or smaller than the target stream top item/

export function createStreamSink({ url, key, lengthMax }: StreamOptions): ExportSink {
  let redis: Redis | undefined
  let isOurs = false
  const connect = (): Redis =>
    (redis ??= new Redis(url, {
      lazyConnect: true,
      connectTimeout: TIMEOUT_MS,
      commandTimeout: TIMEOUT_MS,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: true,
      retryStrategy: () => null,
    }).on('error', () => undefined))
  return {
    async send({ records }) {
      const connection = connect()
      try {
        if (!isOurs) await checkLast(connection, key)
        isOurs = true
        // All or none: of a batch whose middle was refused, the rest would count as known the next time, and that as well.
        const batch = connection.multi()
        for (const { index, text } of records)
          batch.xadd(key, 'MAXLEN', '~', lengthMax, `${index + 1}-0`, 'index', String(index), 'record', text)
        const answers = (await batch.exec()) ?? []
        const failed = answers.find(([error]) => error !== null && !KNOWN.test(error.message))?.[0]
        if (failed !== undefined && failed !== null) throw failed
      } catch (error) {
        connection.disconnect()
        redis = undefined
        isOurs = false
        throw new Error(`the Redis stream cannot be written: ${error instanceof Error ? error.message : 'unknown'}`)
      }
    },
    async close() {
      redis?.disconnect()
      redis = undefined
      await Promise.resolve()
    },
  }
}

/** In a stream of somebody else's all of our ids would count as known. */
async function checkLast(connection: Redis, key: string): Promise<void> {
  const [last] = await connection.xrevrange(key, '+', '-', 'COUNT', 1)
  const [id = '', [name, index] = []] = last ?? []
  if (last === undefined || (name === 'index' && id === `${Number(index) + 1}-0`)) return
  throw new Error(`${key} holds entries of somebody else: give the export a key of its own`)
}
