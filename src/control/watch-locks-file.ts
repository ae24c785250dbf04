// Lock flags by file (locks.yaml): what it says locks at once; it opens only where it is whole, and says so twice in a row.
import { parseDocument } from 'yaml'
import { LOCK_MODES, type Lock } from '../core/lock.ts'
import { fileLocks, missingFileLock, parseLocksFile, type LocksFile } from '../core/lock-flags.ts'
import type { Route } from '../core/route.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { OrderDesk } from './order-desk.ts'
import { readBounded } from './read-bounded.ts'

const LOCKS_FILE_BYTES_MAX = 1024 * 1024
/** How long a set that could not be made durable waits for its next try. */
const RETRY_AFTER_MS = 5000

export interface LocksFileWatch {
  /** One look at the file. Never rejects. */
  look(): Promise<void>
  /** What is wrong with the file, for status. */
  readonly problems: readonly string[]
}

export interface LocksFileWatchDeps {
  readonly path: string
  readonly desk: Pick<OrderDesk, 'ledger' | 'setFlags'>
  readonly routes: () => readonly Route[]
  readonly clock: Clock
  readonly logger: Logger
}

interface Watched {
  problems: readonly string[]
  /** The text that was carried out whole, and the routes that it was read against. */
  done: { readonly text: string; readonly routes: readonly Route[] } | undefined
  /** The text of the look before. */
  textBefore: string | undefined
  retryAtMs: number
}

/**
 * The path is read anew at each look, so that a ConfigMap's swapped link is seen. A text is taken for whole where it ends
 * with a newline, or is one flow mapping, whose closing brace tells. What is not whole may lock and never opens; what is
 * absent, empty or no locks file changes nothing. Never read whole, and none kept: everything is locked.
 */
export function createLocksFileWatch(deps: LocksFileWatchDeps): LocksFileWatch {
  const watched: Watched = { problems: [], done: undefined, textBefore: undefined, retryAtMs: -Infinity }
  return {
    look: () => look(deps, watched),
    get problems() {
      return watched.problems
    },
  }
}

async function look(deps: LocksFileWatchDeps, watched: Watched): Promise<void> {
  const routes = deps.routes()
  const read = await readBounded(deps.path, { bytesMax: LOCKS_FILE_BYTES_MAX, isLinkRefused: false })
  if ('unread' in read) return keepAsItIs(deps, watched, [read.detail])
  const text = read.bytes.toString('utf8')
  const isSteady = text === watched.textBefore
  watched.textBefore = text
  if (watched.done?.text === text && watched.done.routes === routes) {
    // It may have been away for a while.
    say(deps, watched, [])
    return
  }
  const file = parse(text, routes)
  if ('problems' in file) return keepAsItIs(deps, watched, file.problems)
  await carryOut(deps, watched, { text, file, routes, isSteady })
}

async function carryOut(
  deps: LocksFileWatchDeps,
  watched: Watched,
  found: { text: string; file: LocksFile; routes: readonly Route[]; isSteady: boolean },
): Promise<void> {
  const { desk, clock } = deps
  const before = desk.ledger.flags.file
  const wanted = fileLocks(before, found.file, clock.now())
  const isWhole = isWholeText(found.text)
  if (!isWhole && !desk.ledger.fileKnown) return keepAsItIs(deps, watched, [CUT_OFF])
  // A writer that empties the file first and then writes it in parts passes through texts that are whole and say less.
  const mayOpen = isWhole && found.isSteady
  const next = mayOpen ? wanted : withoutOpening(before, wanted)
  if (mayOpen && clock.monotonicMs() < watched.retryAtMs) return
  const isInForce = await desk.setFlags('file', next)
  if (!isInForce) watched.retryAtMs = clock.monotonicMs() + RETRY_AFTER_MS
  const isAll = next.length === wanted.length && next.every((lock) => wanted.includes(lock))
  if (isInForce && isWhole && isAll) watched.done = { text: found.text, routes: found.routes }
  say(deps, watched, [
    ...(isWhole ? [] : [CUT_OFF]),
    ...(isInForce ? [] : ['what it opens could not be made durable yet']),
  ])
}

const CUT_OFF = 'it does not end with a newline, so it may have been cut off: it may lock, and opens nothing'

function isWholeText(text: string): boolean {
  return text.endsWith('\n') || text.trimStart().startsWith('{')
}

/** The wanted locks beside all that stand: a lock that stands is replaced only by a deny of the same scope. */
function withoutOpening(before: readonly Lock[], wanted: readonly Lock[]): readonly Lock[] {
  const stricter = wanted.filter((lock) => {
    const standing = before.find(({ id }) => id === lock.id)
    return standing === undefined || (lock.mode === LOCK_MODES[0] && standing.mode !== lock.mode)
  })
  return [...before.filter((lock) => !stricter.some(({ id }) => id === lock.id)), ...stricter]
}

function parse(text: string, routes: readonly Route[]): LocksFile | { readonly problems: readonly string[] } {
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    uniqueKeys: true,
    stringKeys: true,
  })
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) return { problems: faults.map(({ message }) => firstLine(message)) }
  if (document.contents === null) return { problems: ['it is empty'] }
  try {
    // No aliases: the file is small, and a bomb of them is not.
    return parseLocksFile(document.toJS({ maxAliasCount: 0 }), routes)
  } catch (error) {
    return { problems: [error instanceof Error ? error.message : String(error)] }
  }
}

/** The place and the fault; the lines below it quote the file. */
function firstLine(message: string): string {
  return (message.split('\n')[0] ?? '').replace(/:$/, '')
}

/** Nothing changes; where nothing was ever known, everything is locked. */
async function keepAsItIs(deps: LocksFileWatchDeps, watched: Watched, problems: readonly string[]): Promise<void> {
  const { desk, clock } = deps
  if (!desk.ledger.fileKnown) await desk.setFlags('file', [missingFileLock(clock.now())])
  say(deps, watched, problems)
}

/** Once in the log for each change of what is wrong. */
function say({ path, logger }: LocksFileWatchDeps, watched: Watched, problems: readonly string[]): void {
  const next = problems.map((problem) => `${path}: ${problem}`)
  if (next.join('\n') === watched.problems.join('\n')) return
  watched.problems = next
  if (next.length > 0) logger.error('the locks file changes nothing, or not all that it says', { problems: next })
  else logger.info('the locks file is read whole again', { file: path })
}
