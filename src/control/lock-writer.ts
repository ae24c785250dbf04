// Locks on their way to the disk: they hold before they are durable, so a failed write is tried until it succeeds.
import type { LedgerEntry } from '../core/ledger-entry.ts'
import type { Logger } from '../ports/logger.ts'
import type { OrderJournal } from '../ports/order-journal.ts'
import { settledWithin } from './within.ts'

export interface LockWriter {
  /** Hands the entry to the journal in this turn. Resolves with whether it was durable within the limit; never rejects. */
  write(entry: LedgerEntry): Promise<boolean>
  /** Entries that hold and are not durable yet. */
  readonly behind: number
  /** Whether all that was written so far is durable within the limit. */
  caughtUp(limitMs: number): Promise<boolean>
  close(): void
}

export interface LockWriterOptions {
  readonly journal: OrderJournal
  readonly logger: Logger
  readonly limitMs: number
  readonly retryMs: number
}

interface Waiting {
  readonly entry: LedgerEntry
  /** Resolves once it is durable, and never rejects. */
  readonly durable: PromiseWithResolvers<void>
  /** The first word: durable, or failed once. */
  readonly first: PromiseWithResolvers<void>
}

export function createLockWriter(options: LockWriterOptions): LockWriter {
  const { journal, logger } = options
  // In order, since a set of flags replaces the one before it.
  const queue: Waiting[] = []
  let isWriting = false
  let isClosed = false

  const writeAll = async (): Promise<void> => {
    isWriting = true
    for (let head = queue[0]; head !== undefined && !isClosed; head = queue[0]) {
      try {
        await journal.append(head.entry)
        queue.shift()
        head.durable.resolve()
        head.first.resolve()
      } catch (error) {
        const reason = error instanceof Error ? error : new Error(String(error))
        logger.error('A LOCK IS IN FORCE BUT NOT DURABLE: the order journal failed, and is tried again', {
          error: reason.message,
          behind: queue.length,
        })
        head.first.reject(reason)
        await new Promise((resolve) => setTimeout(resolve, options.retryMs).unref())
      }
    }
    isWriting = false
  }

  return {
    async write(entry) {
      const waiting: Waiting = { entry, durable: Promise.withResolvers(), first: Promise.withResolvers() }
      queue.push(waiting)
      if (!isWriting) void writeAll()
      const outcome = await settledWithin(waiting.first.promise, options.limitMs)
      if (outcome === 'done') return true
      if (outcome === 'late') {
        logger.error('A LOCK IS IN FORCE BUT NOT DURABLE YET: the order journal is slow', {
          limitMs: options.limitMs,
          behind: queue.length,
        })
      }
      void waiting.durable.promise.then(() => {
        logger.warn('a lock is durable at last', { behind: queue.length })
      })
      return false
    },
    async caughtUp(limitMs) {
      const last = queue.at(-1)
      return last === undefined || (await settledWithin(last.durable.promise, limitMs)) === 'done'
    },
    get behind() {
      return queue.length
    },
    close() {
      isClosed = true
    },
  }
}
