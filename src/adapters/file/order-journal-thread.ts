// The journal's own thread: it opens the file, and writes and syncs one entry after the other. Started by order-journal.ts.
import { parentPort, workerData } from 'node:worker_threads'
import { openJournalFile, type JournalFile } from './journal-file.ts'
import type { FoundEntry } from './journal-frames.ts'

/** To the thread: one entry. `fence` is there where the entry can be withdrawn. */
export interface AppendCall {
  readonly ticket: number
  readonly payload: string
  readonly fence?: Int32Array
}

/** From the thread: first `opened` or `refused`, then one answer a ticket. */
export type ThreadReply =
  | { readonly opened: readonly FoundEntry[]; readonly torn: boolean }
  | { readonly refused: string }
  | { readonly ticket: number; readonly failed?: string }

const SETTLE_EVERY_MS = 1000

function serve(journal: JournalFile): void {
  let settling: NodeJS.Timeout | undefined
  const settleLater = (): void => {
    settling ??= setTimeout(() => {
      settling = undefined
      if (!journal.settle()) settleLater()
    }, SETTLE_EVERY_MS)
  }
  parentPort?.on('message', (call: AppendCall | 'close') => {
    if (call === 'close') {
      clearTimeout(settling)
      journal.settle()
      journal.close()
      parentPort?.close()
      return
    }
    reply(append(journal, call))
    if (!journal.settle()) settleLater()
  })
}

function append(journal: JournalFile, call: AppendCall): ThreadReply {
  try {
    if (call.fence === undefined) journal.append(call.payload)
    else journal.appendFenced(call.payload, call.fence)
    return { ticket: call.ticket }
  } catch (error) {
    return { ticket: call.ticket, failed: messageOf(error) }
  }
}

function reply(message: ThreadReply): void {
  parentPort?.postMessage(message)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

try {
  const journal = openJournalFile((workerData as { file: string }).file)
  serve(journal)
  reply({ opened: journal.entries, torn: journal.torn })
} catch (error) {
  reply({ refused: messageOf(error) })
}
