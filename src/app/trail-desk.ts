// The main thread's side of the thread that reads the trail: questions to it, and how its exports stand.
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import type { ExporterState } from '../audit/export/exporter.ts'
import type { Config, ExportConfig } from '../config/config.ts'
import type { Query, WhoseAnswer, WhoseQuery } from '../core/trail-query.ts'
import type { Logger } from '../ports/logger.ts'
import type { FoundPage, PageRequest, TrailSearch } from '../ports/trail-search.ts'

export interface TrailThreadStart {
  readonly auditDir: string
  readonly indexDir: string
  readonly cursorDir: string
  readonly origin: string
  readonly keepsIndex: boolean
  readonly compressAfterMs: number | undefined
  readonly exports: Readonly<Record<string, ExportConfig>>
}

type Whose = WhoseAnswer & { readonly size: number; readonly fallback?: string }

export type ToTrailThread =
  | { readonly id: number; readonly type: 'page'; readonly query: Query; readonly request: PageRequest }
  | { readonly id: number; readonly type: 'whose'; readonly query: WhoseQuery; readonly limit: number }

export type FromTrailThread =
  | { readonly id: number; readonly value: FoundPage | Whose }
  | { readonly id: number; readonly problem: string }
  | { readonly export: string; readonly state: ExporterState }
  | { readonly indexed: number }

type Question = ToTrailThread extends infer T ? (T extends { readonly id: number } ? Omit<T, 'id'> : never) : never

export interface TrailDesk extends TrailSearch {
  /** By name. */
  readonly exports: Readonly<Record<string, ExporterState>>
  stop(): Promise<void>
}

interface Waiting {
  readonly resolve: (value: FoundPage | Whose) => void
  readonly reject: (error: Error) => void
}

/** Beyond this the next question is refused: each may take long. */
const WAITING_MAX = 8

/** The thread is started at the first question, or at once where there are exports or an index to keep. */
export function openTrailDesk(config: Config, origin: string, logger: Logger): TrailDesk {
  const waiting = new Map<number, Waiting>()
  const exports: Record<string, ExporterState> = {}
  let worker: Worker | undefined
  let lastId = 0
  let isStopped = false

  const end = (why: string): void => {
    worker = undefined
    for (const { reject } of waiting.values()) reject(new Error(why))
    waiting.clear()
  }
  const begin = (): Worker => {
    if (worker !== undefined) return worker
    const started = new Worker(new URL(`./trail-thread${path.extname(import.meta.url)}`, import.meta.url), {
      workerData: startOf(config, origin),
      name: 'trail',
    })
    started.on('message', (message: FromTrailThread) => {
      hear(message)
    })
    started.on('error', (error: Error) => {
      logger.error('the thread that reads the trail failed', { error: error.message })
      if (worker === started) end('the search failed')
    })
    started.on('exit', () => {
      if (worker === started) end('the search was ended')
    })
    worker = started
    return started
  }
  const hear = (message: FromTrailThread): void => {
    if ('indexed' in message) {
      logger.debug('the index of the trail has grown', { entries: message.indexed })
    } else if ('export' in message) {
      const before = exports[message.export]?.problem
      const { problem } = message.state
      exports[message.export] = message.state
      if (problem !== before && problem !== undefined)
        logger.warn('an export of the trail does not get through', { export: message.export, problem })
      else if (problem !== before) logger.info('an export of the trail gets through again', { export: message.export })
    } else {
      const asker = waiting.get(message.id)
      waiting.delete(message.id)
      if ('problem' in message) asker?.reject(new Error(message.problem))
      else asker?.resolve(message.value)
    }
  }
  const ask = <T>(question: Question): Promise<T> => {
    if (isStopped) return Promise.reject(new Error('the gateway is stopping'))
    if (waiting.size >= WAITING_MAX) return Promise.reject(new Error('too many searches wait already: ask again later'))
    lastId += 1
    const id = lastId
    return new Promise<T>((resolve, reject) => {
      waiting.set(id, { resolve: resolve as Waiting['resolve'], reject })
      begin().postMessage({ ...question, id } satisfies ToTrailThread)
    })
  }

  if (config.audit.index || config.audit.compressAfterMs !== undefined || Object.keys(config.audit.exports).length > 0)
    begin()
  return {
    exports,
    page: (query, request) => ask<FoundPage>({ type: 'page', query, request }),
    whose: (query, limit) => ask<Whose>({ type: 'whose', query, limit }),
    async stop() {
      isStopped = true
      await worker?.terminate()
    },
  }
}

function startOf({ audit, store }: Config, origin: string): TrailThreadStart {
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
