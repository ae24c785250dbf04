// The order journal as the control plane sees it: entries in, acknowledgements out. A thread of its own does the writing.
import { mkdirSync } from 'node:fs'
import { extname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { LedgerEntry } from '../../core/ledger-entry.ts'
import type { Logger } from '../../ports/logger.ts'
import type { OrderJournal } from '../../ports/order-journal.ts'
import { FENCE } from './journal-file.ts'
import type { AppendCall, ThreadReply } from './order-journal-thread.ts'

const JOURNAL_FILE = 'orders.journal'

export interface OrderJournalOptions {
  /** `store.dir`; made where it does not exist. */
  readonly dir: string
  readonly logger: Logger
  /** Another thread than the real one: tests hold its disk. */
  readonly thread?: URL
}

const CLOSE_TIMEOUT_MS = 5000

/** Opens `<dir>/orders.journal`. Rejects with an Error of one line that names file and offset where it is damaged. */
export async function openOrderJournal(options: OrderJournalOptions): Promise<OrderJournal> {
  const { dir, logger } = options
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const file = join(dir, JOURNAL_FILE)
  const thread = options.thread ?? new URL(`./order-journal-thread${extname(import.meta.url)}`, import.meta.url)
  const worker = new Worker(thread, { name: 'order-journal', workerData: { file } })
  const calls = createCalls(worker)
  const opened = await calls.opened
  if (opened.torn)
    logger.warn('the end of the order journal was torn and has been dropped: it was never acknowledged', { file })
  const entries = parseEntries(file, opened.opened)
  if (entries instanceof Error) {
    await calls.close()
    throw entries
  }
  return {
    entries,
    append: (entry, limitMs) => calls.append(JSON.stringify(entry), limitMs),
    close: () => calls.close(),
  }
}

type Opened = Extract<ThreadReply, { opened: unknown }>

interface Calls {
  readonly opened: Promise<Opened>
  append(payload: string, limitMs?: number): Promise<void>
  close(): Promise<void>
}

interface Waiting {
  resolve(): void
  reject(error: Error): void
}

function createCalls(worker: Worker): Calls {
  const waiting = new Map<number, Waiting>()
  let tickets = 0
  let ended: Error | undefined
  let onOpened: (opened: Opened) => void
  let onRefused: (error: Error) => void
  const opened = new Promise<Opened>((resolve, reject) => {
    onOpened = resolve
    onRefused = reject
  })
  const end = (error: Error): void => {
    ended ??= error
    onRefused(error)
    for (const each of waiting.values()) each.reject(error)
    waiting.clear()
  }
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      end(new Error("the order journal's thread has ended"))
      resolve()
    })
  })
  worker.on('error', (error) => {
    end(error instanceof Error ? error : new Error(String(error)))
  })
  worker.on('message', (reply: ThreadReply) => {
    if ('opened' in reply) onOpened(reply)
    else if ('refused' in reply) end(new Error(reply.refused))
    else {
      const call = waiting.get(reply.ticket)
      waiting.delete(reply.ticket)
      if (reply.failed === undefined) call?.resolve()
      else call?.reject(new Error(reply.failed))
    }
  })
  return {
    opened,
    append(payload, limitMs) {
      if (ended !== undefined) return Promise.reject(ended)
      const ticket = ++tickets
      const fence = limitMs === undefined ? undefined : new Int32Array(new SharedArrayBuffer(4))
      const call: AppendCall = { ticket, payload, ...(fence === undefined ? {} : { fence }) }
      const answered = new Promise<void>((resolve, reject) => waiting.set(ticket, { resolve, reject }))
      worker.postMessage(call)
      return fence === undefined || limitMs === undefined ? answered : withdrawAfter(answered, fence, limitMs)
    },
    async close() {
      worker.postMessage('close')
      const timer = setTimeout(() => void worker.terminate(), CLOSE_TIMEOUT_MS)
      await exited
      clearTimeout(timer)
    },
  }
}

/** Whoever moves the fence first decides; an entry that was kept in time is awaited, however late the word of it comes. */
function withdrawAfter(answered: Promise<void>, fence: Int32Array, limitMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      if (Atomics.compareExchange(fence, 0, FENCE.open, FENCE.withdrawn) === FENCE.open)
        reject(new Error(`not durable within ${limitMs} ms: withdrawn`))
    }, limitMs)
    answered.then(resolve, reject).finally(() => {
      clearTimeout(timer)
    })
  })
}

function parseEntries(file: string, found: Opened['opened']): readonly LedgerEntry[] | Error {
  const entries: LedgerEntry[] = []
  for (const { offset, payload } of found) {
    try {
      entries.push(JSON.parse(payload) as LedgerEntry)
    } catch {
      return new Error(`${file}: damaged at offset ${offset}: an entry is no JSON`)
    }
  }
  return entries
}
