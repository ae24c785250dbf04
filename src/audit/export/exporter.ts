// Sends what is sealed to a sink, again and again from where it stood: at least once, never ahead of the signed log.
import { dirname } from 'node:path'
import type { ExportSink } from '../../ports/export-sink.ts'
import { type Files, messageOf, nodeFiles, replaceFile } from '../files.ts'
import { readExtent, readTrail } from '../reader.ts'
import { FORMATS, type LineFormat } from './formats.ts'

export interface ExporterOptions {
  readonly dir: string
  readonly format: LineFormat
  readonly sink: ExportSink
  /** Outside the trail: the next entry to send. */
  readonly cursorFile: string
  /** Milliseconds that only grow. */
  readonly now: () => number
  readonly batchMax?: number
  readonly files?: Files
}

export interface ExporterState {
  /** Sealed records that the other side has not taken. */
  readonly lag: number
  readonly failures: number
  /** Entries that retention deleted before they were sent. */
  readonly lost: number
  readonly problem?: string
}

const BATCH_MAX = 500
const BATCH_BYTES_MAX = 1 << 20
const BACKOFF_MAX_MS = 60_000

export interface Exporter {
  readonly state: ExporterState
  /** For a timer: sends what there is, unless it waits after a failure. Never rejects; calls in between share one run. */
  run(): Promise<void>
}

export function createExporter(options: ExporterOptions): Exporter {
  const files = options.files ?? nodeFiles
  let next: number | undefined
  let failures = 0
  let lost = 0
  let lag = 0
  let problem: string | undefined
  let waitUntil = -Infinity
  let backoffMs = 500
  let running: Promise<void> | undefined
  const sendAll = async (): Promise<void> => {
    if (options.now() < waitUntil) return
    try {
      next ??= await readCursor(files, options.cursorFile)
      for (;;) {
        const { minimum, size } = await readExtent(options.dir, files)
        if (next > size)
          throw new Error(`the cursor stands at ${next}, and the trail has ${size} entries: it was rolled back`)
        if (next < minimum) {
          lost += minimum - next
          next = minimum
        }
        lag = size - next
        if (lag === 0) break
        next = await sendBatch(options, files, next)
        lag = size - next
        backoffMs = 500
      }
      problem = undefined
    } catch (error) {
      failures += 1
      problem = messageOf(error)
      waitUntil = options.now() + backoffMs
      backoffMs = Math.min(BACKOFF_MAX_MS, 2 * backoffMs)
    }
  }
  return {
    get state() {
      return { lag, failures, lost, ...(problem === undefined ? {} : { problem }) }
    },
    run: () =>
      (running ??= sendAll().finally(() => {
        running = undefined
      })),
  }
}

/** Sends one batch and resolves with where the next one begins. The cursor moves only once the other side has all of it. */
async function sendBatch(options: ExporterOptions, files: Files, from: number): Promise<number> {
  const { line } = FORMATS[options.format]
  const records: { index: number; text: string }[] = []
  let bytes = 0
  for await (const [index, entry] of readTrail(options.dir, { from, files })) {
    if (index === undefined) break
    const text = line(index, entry).trimEnd()
    records.push({ index, text })
    bytes += text.length
    if (records.length >= (options.batchMax ?? BATCH_MAX) || bytes >= BATCH_BYTES_MAX) break
  }
  const to = from + records.length
  await options.sink.send({ from, to, records })
  await files.makeDir(dirname(options.cursorFile))
  await replaceFile(files, options.cursorFile, Buffer.from(`${to}\n`))
  return to
}

async function readCursor(files: Files, path: string): Promise<number> {
  const text = (await files.read(path))?.toString().trim()
  if (text === undefined) return 0
  if (!/^\d{1,16}$/.test(text)) throw new Error(`${path} is damaged: it holds the number of the next entry to send`)
  return Number(text)
}
