// The main thread's side of the process that reads the trail: questions to it, and how its exports stand.
import { fork, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExporterState } from '../audit/export/exporter.ts'
import { STRETCH } from '../audit/search/build-index.ts'
import type { Config, ExportConfig } from '../config/config.ts'
import type { Query, SessionsQuery, WhoseQuery } from '../core/trail-query.ts'
import type { Logger } from '../ports/logger.ts'
import type {
  FoundPage,
  FoundPeople,
  FoundSessions,
  MergedPeople,
  NamedPeople,
  PageRequest,
  PeopleFile,
  TrailSearch,
} from '../ports/trail-search.ts'

export interface TrailReaderStart {
  readonly auditDir: string
  readonly indexDir: string
  readonly cursorDir: string
  readonly origin: string
  readonly keepsIndex: boolean
  readonly compressAfterMs: number | undefined
  readonly exports: Readonly<Record<string, ExportConfig>>
}

type Found = FoundPage | FoundPeople | FoundSessions | PeopleFile | MergedPeople

export type ToTrailReader =
  | { readonly id: number; readonly type: 'page'; readonly query: Query; readonly request: PageRequest }
  | { readonly id: number; readonly type: 'whose'; readonly query: WhoseQuery; readonly limit: number }
  | { readonly id: number; readonly type: 'people'; readonly query: WhoseQuery }
  | {
      readonly id: number
      readonly type: 'mergePeople'
      readonly files: readonly NamedPeople[]
      readonly limit: number
    }
  | { readonly id: number; readonly type: 'sessions'; readonly query: SessionsQuery; readonly limit: number }

export type FromTrailReader =
  | { readonly id: number; readonly value: object }
  | { readonly id: number; readonly problem: string }
  | { readonly export: string; readonly state: ExporterState }
  | { readonly indexed: number }

type Question = ToTrailReader extends infer T ? (T extends { readonly id: number } ? Omit<T, 'id'> : never) : never

export interface TrailDesk extends TrailSearch {
  /** By name. */
  readonly exports: Readonly<Record<string, ExporterState>>
  stop(): Promise<void>
}

interface Waiting {
  readonly resolve: (value: Found) => void
  readonly reject: (error: Error) => void
}

/** Beyond this the next question is refused: each may take long. */
const WAITING_MAX = 8

export interface TrailDeskDeps {
  readonly config: Config
  readonly origin: string
  readonly logger: Logger
  /** Entries under the checkpoint. */
  readonly size: () => number
}

const LOOK_EVERY_MS = 30_000
const RESTART_AFTER_MS = 5_000

/** The process is started at the first question, or where there is something to send on, to compress or to index. */
export function openTrailDesk({ config, origin, logger, size }: TrailDeskDeps): TrailDesk {
  const waiting = new Map<number, Waiting>()
  const exports: Record<string, ExporterState> = {}
  const { audit } = config
  const isNeeded = Object.keys(audit.exports).length > 0 || audit.compressAfterMs !== undefined
  let child: ChildProcess | undefined
  let lastId = 0
  let isStopped = false

  const end = (why: string): void => {
    child = undefined
    for (const { reject } of waiting.values()) reject(new Error(why))
    waiting.clear()
    if (isStopped || !isNeeded) return
    setTimeout(() => {
      if (!isStopped) begin()
    }, RESTART_AFTER_MS).unref()
  }
  const begin = (): ChildProcess => {
    if (child !== undefined) return child
    const started = startReader(startOf(config, origin), {
      onMessage: (message) => {
        hear(message)
      },
      onOver: (why) => {
        if (!isStopped) logger.error('the process that reads the trail has ended', { why })
        if (child === started) end('the search was ended: the gateway log says why')
      },
    })
    child = started
    return started
  }
  const hear = (message: FromTrailReader): void => {
    if ('indexed' in message) {
      logger.debug('the index of the trail has grown', { entries: message.indexed })
    } else if ('export' in message) {
      report(message, exports[message.export], logger)
      exports[message.export] = message.state
    } else {
      const asker = waiting.get(message.id)
      waiting.delete(message.id)
      if ('problem' in message) asker?.reject(new Error(message.problem))
      else asker?.resolve(message.value as Found)
    }
  }
  const ask: Ask = <T>(question: Question): Promise<T> => {
    if (isStopped) return Promise.reject(new Error('the gateway is stopping'))
    if (waiting.size >= WAITING_MAX) return Promise.reject(new Error('too many searches wait already: ask again later'))
    lastId += 1
    const id = lastId
    return new Promise<T>((resolve, reject) => {
      waiting.set(id, { resolve: resolve as Waiting['resolve'], reject })
      begin().send({ ...question, id } satisfies ToTrailReader)
    })
  }

  if (isNeeded) begin()
  const timer = setInterval(() => {
    if (audit.index && size() >= STRETCH) begin()
  }, LOOK_EVERY_MS).unref()
  return {
    exports,
    ...searchBy(ask),
    async stop() {
      isStopped = true
      clearInterval(timer)
      if (child !== undefined) await killed(child)
    },
  }
}

type Ask = <T>(question: Question) => Promise<T>

function searchBy(ask: Ask): TrailSearch {
  return {
    page: (query, request) => ask<FoundPage>({ type: 'page', query, request }),
    whose: (query, limit) => ask<FoundPeople>({ type: 'whose', query, limit }),
    people: (query) => ask<PeopleFile>({ type: 'people', query }),
    mergePeople: (files, limit) => ask<MergedPeople>({ type: 'mergePeople', files, limit }),
    sessions: (query, limit) => ask<FoundSessions>({ type: 'sessions', query, limit }),
  }
}

async function killed(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.ref()
  child.kill('SIGKILL')
  await gone
}

/** Once when an export stops getting through, and once when it does again. */
function report(
  { export: name, state }: { readonly export: string; readonly state: ExporterState },
  before: ExporterState | undefined,
  logger: Logger,
): void {
  const { problem } = state
  if (problem === before?.problem) return
  if (problem === undefined) logger.info('an export of the trail gets through again', { export: name })
  else logger.warn('an export of the trail does not get through', { export: name, problem })
}

interface ReaderEvents {
  readonly onMessage: (message: FromTrailReader) => void
  /** Once, however it ended. */
  readonly onOver: (why: string) => void
}

function startReader(start: TrailReaderStart, { onMessage, onOver }: ReaderEvents): ChildProcess {
  const file = fileURLToPath(new URL(`./trail-reader${path.extname(import.meta.url)}`, import.meta.url))
  const started = fork(file, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced' })
  let isOver = false
  const over = (why: string): void => {
    if (!isOver) onOver(why)
    isOver = true
  }
  started.on('message', onMessage)
  started.on('error', (error) => {
    over(error.message)
  })
  started.on('exit', (code, signal) => {
    over(`exit ${code ?? signal ?? 'unknown'}`)
  })
  // It keeps no gateway alive.
  started.unref()
  started.channel?.unref()
  started.send(start)
  return started
}

function startOf({ audit, store }: Config, origin: string): TrailReaderStart {
  return {
    auditDir: audit.dir,
    indexDir: `${audit.dir}.index`,
    cursorDir: path.join(store.dir, 'exports'),
    origin,
    keepsIndex: audit.index,
    compressAfterMs: audit.compressAfterMs,
    exports: audit.exports,
  }
}
