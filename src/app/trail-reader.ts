// Composition root of the process that reads the trail: searches, the index, compression, exports. It is a child of the gateway and not
// a thread, since a fault in the index's native library must not end the gateway, and the kernel may let requests go first.
import { mkdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import path from 'node:path'
import { openTrailIndex } from '../adapters/duckdb/trail-index.ts'
import { createFileSink } from '../adapters/file/export-file.ts'
import { createClock } from '../adapters/node/clock.ts'
import { createWebhookSink, parseWebhookSecret } from '../adapters/node/webhook-sink.ts'
import { createStreamSink } from '../adapters/redis/export-stream.ts'
import { createExporter, type Exporter } from '../audit/export/exporter.ts'
import { compressOld } from '../audit/retention.ts'
import { buildIndex, readIndexState } from '../audit/search/build-index.ts'
import { mergePeopleFiles, peoplePath, writePeople } from '../audit/search/people-file.ts'
import { createSearcher, type Searcher } from '../audit/search/searcher.ts'
import type { ExportConfig } from '../config/config.ts'
import type { ExportSink } from '../ports/export-sink.ts'
import type { TrailIndex } from '../ports/trail-index.ts'
import type { FromTrailReader, ToTrailReader, TrailReaderStart } from './trail-desk.ts'

const EXPORT_EVERY_MS = 500
const INDEX_EVERY_MS = 30_000
/** 131,072 records: some three seconds of one core. */
const STRETCHES_A_FILE = 2
const COMPRESS_EVERY_MS = 250
/** At this rate it keeps up with 30,000 requests a second. */
const BUNDLES_A_TURN = 32

/** Comes as the first message: arguments can be read by every process of the machine, and a URL may hold a secret. */
let start: TrailReaderStart
const clock = createClock()
const post = (message: FromTrailReader): void => {
  if (process.connected) process.send?.(message)
}

let index: Promise<TrailIndex | undefined> | undefined
let whyNot: string | undefined

/** Opened at first need: the engine takes some tens of megabytes. Undefined where it is not installed, or fails. */
function openIndex(): Promise<TrailIndex | undefined> {
  index ??= openTrailIndex({ dir: start.indexDir, threads: 1, memoryMegabytes: 256 }).catch((error: unknown) => {
    whyNot = error instanceof Error ? error.message.split('\n')[0] : String(error)
    return undefined
  })
  return index
}

let searcher: Promise<Searcher> | undefined

function openSearcher(): Promise<Searcher> {
  searcher ??= openIndex().then((opened) => {
    if (opened !== undefined) mkdirSync(start.indexDir, { recursive: true, mode: 0o700 })
    return createSearcher({
      dir: start.auditDir,
      ...(opened === undefined ? {} : { index: { index: opened, scratchDir: start.indexDir } }),
      onFallback: (why) => {
        whyNot = why
      },
    })
  })
  return searcher
}

async function answer(message: ToTrailReader): Promise<void> {
  const { id } = message
  try {
    whyNot = undefined
    const opened = await openSearcher()
    post({ id, value: { ...(await valueOf(message, opened)), ...fallback() } })
  } catch (error) {
    post({ id, problem: error instanceof Error ? error.message : String(error) })
  }
  // A fallback holds for one question: the index may be whole again at the next.
  if (whyNot !== undefined && searcher !== undefined) {
    await (await searcher).close()
    searcher = undefined
  }
}

async function valueOf(message: ToTrailReader, opened: Searcher): Promise<object> {
  switch (message.type) {
    case 'page': {
      const { hits, ...page } = await opened.page(message.query, message.request)
      return { ...page, hits: hits.map(({ index: at, entry }) => ({ index: at, entry: entry.toString() })) }
    }
    case 'whose':
      return opened.whose(message.query, message.limit)
    case 'people':
      mkdirSync(start.indexDir, { recursive: true, mode: 0o700 })
      return writePeople(peoplePath(start.indexDir), opened.people(message.query))
    case 'mergePeople':
      return mergePeopleFiles(message.files, message.limit)
    case 'sessions':
      return opened.sessions(message.query, message.limit)
  }
}

function fallback(): { readonly fallback?: string } {
  return whyNot === undefined ? {} : { fallback: whyNot }
}

/** One question after the other, and the index is built in between: each may take all that the thread has. */
let last: Promise<unknown> = Promise.resolve()
function inTurn(run: () => Promise<void>): void {
  last = last.then(run).catch(() => undefined)
}

/** One file at a time, so that a search waits for seconds at most; then again, behind the searches that have come meanwhile. */
async function keepIndex(): Promise<void> {
  // Small trails need none, and a gateway without searches should not load the engine for nothing.
  const { missing } = await readIndexState(start.auditDir, { files: async () => [] })
  if (missing.length === 0) return
  const opened = await openIndex()
  if (opened === undefined) return
  let files = 0
  const scratch = path.join(start.indexDir, `build-${process.pid}.lines`)
  const added = await buildIndex(start.auditDir, opened, scratch, {
    stretchesMax: STRETCHES_A_FILE,
    mayGoOn: () => (files += 1) === 1,
  })
  if (added === 0) return
  post({ indexed: added })
  inTurn(keepIndex)
}

function openSink(config: ExportConfig): ExportSink {
  if (config.kind === 'file') return createFileSink(config.path)
  if (config.kind === 'webhook') {
    const secret = parseWebhookSecret(readFileSync(config.secretFile, 'utf8'))
    return createWebhookSink({ url: config.url, secret, origin: start.origin, now: () => clock.now() })
  }
  const url = readFileSync(config.urlFile, 'utf8').trim()
  // One stream a gateway: an entry's id is its place in that gateway's log.
  const key = `${config.key}:${start.origin.replace(/^.*\//, '')}`
  return createStreamSink({ url, key, lengthMax: config.lengthMax })
}

function startExports(): void {
  const exporters: [string, Exporter][] = []
  for (const [name, config] of Object.entries(start.exports)) {
    try {
      const exporter = createExporter({
        dir: start.auditDir,
        format: config.format,
        sink: openSink(config),
        cursorFile: path.join(start.cursorDir, `${name}.cursor`),
        now: () => clock.monotonicMs(),
      })
      exporters.push([name, exporter])
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      post({ export: name, state: { lag: 0, failures: 1, lost: 0, problem } })
    }
  }
  setInterval(() => {
    for (const [name, exporter] of exporters) {
      void exporter.run().then(() => {
        post({ export: name, state: exporter.state })
      })
    }
  }, EXPORT_EVERY_MS)
}

/** A few bundles at a time, so that a search never waits long. */
function keepCompressed(afterMs: number): void {
  let from = 0
  setInterval(() => {
    inTurn(async () => {
      const cutoff = clock.now() - afterMs
      from = await compressOld(start.auditDir, { from, cutoff, bundlesMax: BUNDLES_A_TURN })
    })
  }, COMPRESS_EVERY_MS).unref()
}

/** Behind everything that serves requests. */
const NICENESS = 10

try {
  setPriority(NICENESS)
} catch {
  // Not everywhere allowed, and only a courtesy.
}
// Ctrl-C goes to the whole group: the gateway ends first, and this with it.
process.on('SIGINT', () => undefined)
// Nobody is left to answer, and what runs may take minutes: what is half done is done again, as after a crash.
process.on('disconnect', () => {
  process.exit(0)
})
process.once('message', (first: TrailReaderStart) => {
  start = first
  process.on('message', (message: ToTrailReader) => {
    inTurn(() => answer(message))
  })
  if (Object.keys(start.exports).length > 0) startExports()
  if (start.compressAfterMs !== undefined) keepCompressed(start.compressAfterMs)
  if (start.keepsIndex)
    setInterval(() => {
      inTurn(keepIndex)
    }, INDEX_EVERY_MS).unref()
})
