// The journal's own thread: it opens the file, and writes and syncs one entry after the other. Started by order-journal.ts.
import { parentPort, workerData } from 'node:worker_threads'
import { compactJournal } from './compact-journal.ts'
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

/** After so many appended entries it is seen whether the journal can be made smaller. */
const COMPACT_EVERY = 1024

function serve(file: string, opened: JournalFile): void {
  let journal = opened
  let appended = 0
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
    appended += 1
    if (!journal.settle()) settleLater()
    else if (appended >= COMPACT_EVERY) {
      appended = 0
      journal = compacted(file, journal) ?? journal
    }
  })
}

/** The smaller journal in place of this one, which is then closed; undefined where there is none. */
function compacted(file: string, journal: JournalFile): JournalFile | undefined {
  try {
    if (!compactJournal(file)) return undefined
    const smaller = openJournalFile(file)
    journal.close()
    return smaller
  } catch {
    // A full disk, say: the journal that there is goes on.
    return undefined
  }
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
  const { file } = workerData as { file: string }
  const opened = openJournalFile(file)
  const journal = compacted(file, opened) ?? opened
  serve(file, journal)
  reply({ opened: journal.entries, torn: opened.torn })
} catch (error) {
  reply({ refused: messageOf(error) })
}
