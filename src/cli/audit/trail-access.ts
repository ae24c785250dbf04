// How a command searches: offline in a directory, with a line in the log beside it, or through the control plane, which records it.
import { existsSync, mkdirSync } from 'node:fs'
import type { Command } from 'commander'
import { listWithoutPeople } from '../../core/pii.ts'
import type { DetailReader, OpenedDetail } from '../../audit/detail/detail-reader.ts'
import type { Query, WhoseAnswer, WhoseQuery } from '../../core/trail-query.ts'
import type { FoundPage, PageRequest } from '../../ports/trail-search.ts'
import type { TrailIndex } from '../../ports/trail-index.ts'
import { createClient, type ClientFlags } from '../client.ts'
import type { Context } from '../command.ts'
import { CommandFailure, EXIT, usageFailure } from '../failure.ts'
import { refusalLines } from '../refusal.ts'
import { reasonOf } from '../signing-key.ts'
import { checkDir, DIR_OPTION } from './where.ts'

export interface AccessFlags extends ClientFlags {
  readonly dir?: string
  readonly indexDir?: string
  /** False by --no-index. */
  readonly index?: boolean
  readonly accessLog?: string
  /** Of a search that opens recorded detail. */
  readonly detail?: boolean
  readonly keys?: string
}

export function addAccessOptions(command: Command): Command {
  return command
    .option(...DIR_OPTION)
    .option('--index-dir <dir>', 'with --dir: the index, as portcullis audit index makes it (default: DIR.index)')
    .option('--no-index', 'with --dir: read the trail itself, slowly')
    .option(
      '--access-log <file>',
      'with --dir: where this use is recorded (default: DIR.access.ndjson, beside the trail)',
    )
}

export interface FoundEntry {
  readonly index: number
  readonly entry: string
  /** Where it was asked for, and there is some. */
  readonly detail?: OpenedDetail
}

interface DetailedPage extends Omit<FoundPage, 'hits'> {
  readonly hits: readonly FoundEntry[]
}

export interface TrailAccess {
  page(query: Query, request: PageRequest & { readonly detail?: true }): Promise<DetailedPage>
  whose(query: WhoseQuery, limit: number): Promise<WhoseAnswer & { readonly size: number }>
  /** Records how it ended, and lets go of everything. */
  close(results: number): Promise<void>
}

type Action = 'search' | 'whose' | 'export'

/** Records the use before anything is shown. Throws CommandFailure where it cannot be recorded. */
export async function openAccess(
  flags: AccessFlags,
  action: Action,
  query: object,
  context: Context,
): Promise<TrailAccess> {
  return flags.dir === undefined ? openRemote(flags, context) : openOffline(flags.dir, flags, action, query, context)
}

/** The default place of the index of a trail: beside it, since nothing else may lie in its directory. */
export function indexDirOf(dir: string, flags: AccessFlags): string {
  return flags.indexDir ?? `${dir.replace(/\/+$/, '')}.index`
}

async function openOffline(
  dir: string,
  flags: AccessFlags,
  action: Action,
  query: object,
  { machine, printer }: Context,
): Promise<TrailAccess> {
  checkDir(dir)
  const { accessLogOf, recordAccess } = await import('../../audit/search/access-log.ts')
  const { createSearcher } = await import('../../audit/search/searcher.ts')
  const { accountName } = await machine.forensics()
  const log = flags.accessLog ?? accessLogOf(dir)
  const note = (state: 'begun' | 'ended', results?: number): void => {
    try {
      recordAccess(log, {
        ...{ time: machine.now(), by: accountName(), action, state, query: plainQuery(query) },
        ...(results === undefined ? {} : { results }),
      })
    } catch (error) {
      throw new CommandFailure(
        EXIT.failed,
        `${log}: this use of the trail cannot be recorded (${reasonOf(error)}): name a file for that with --access-log`,
      )
    }
  }
  const details = flags.detail === true ? await openKeys(dir, flags) : undefined
  note('begun')
  const index = await openIndexOf(dir, flags, { machine, printer })
  const searcher = createSearcher({
    dir,
    ...(index === undefined ? {} : { index: { index, scratchDir: indexDirOf(dir, flags) } }),
    onFallback: (why) => {
      printer.note({ style: 'yellow', text: `the index cannot be used, the trail itself is read: ${why}` })
    },
    onProgress: (done, total) => {
      printer.progress(`read ${done} of ${total} entries`)
    },
  })
  return {
    async page(asked, request) {
      const { hits, ...page } = await searcher.page(asked, request)
      printer.progress('')
      const found: FoundEntry[] = []
      for (const { index: at, entry, record } of hits) {
        const detail = await details?.open(record)
        found.push({ index: at, entry: entry.toString(), ...(detail === undefined ? {} : { detail }) })
      }
      return { ...page, hits: found }
    },
    async whose(asked, limit) {
      const answer = await searcher.whose(asked, limit)
      printer.progress('')
      return answer
    },
    async close(results) {
      await searcher.close()
      index?.close()
      note('ended', results)
    },
  }
}

/** What somebody has put into the wrong place is not written down. */
function plainQuery(query: object): object {
  const entries = Object.entries(query).map(([name, value]: [string, unknown]) => [name, listWithoutPeople(value)])
  return Object.fromEntries(entries) as object
}

async function openKeys(dir: string, { keys }: AccessFlags): Promise<DetailReader> {
  const { createDetailReader } = await import('../../audit/detail/detail-reader.ts')
  const place = keys ?? `${dir.replace(/\/+$/, '')}.keys`
  try {
    return await createDetailReader(place)
  } catch (error) {
    throw usageFailure(`--detail: ${reasonOf(error)}: name the directory of the keys with --keys`)
  }
}

/** The index, where there is one and the package that reads it. */
async function openIndexOf(
  dir: string,
  flags: AccessFlags,
  { machine, printer }: Pick<Context, 'machine' | 'printer'>,
): Promise<TrailIndex | undefined> {
  const place = indexDirOf(dir, flags)
  if (flags.index === false || (flags.indexDir === undefined && !existsSync(place))) return undefined
  try {
    return await (await machine.forensics()).openIndex(place)
  } catch (error) {
    printer.note({ style: 'yellow', text: `the index is not used: ${reasonOf(error)}` })
    return undefined
  }
}

/** Opens the index for building. Throws CommandFailure (1) without its engine. */
export async function openIndexForBuilding(dir: string, flags: AccessFlags, { machine }: Context): Promise<TrailIndex> {
  const place = indexDirOf(dir, flags)
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 })
    return await (await machine.forensics()).openIndex(place)
  } catch (error) {
    throw new CommandFailure(EXIT.failed, `${place}: no index can be built: ${reasonOf(error)}`)
  }
}

const SEARCH_TIMEOUT_MS = 120_000

function openRemote(flags: ClientFlags, { machine, printer }: Context): TrailAccess {
  const client = createClient(flags, machine, printer)
  const [control] = client.controls
  const ask = async (path: string, body: object): Promise<unknown> => {
    if (control === undefined) throw new CommandFailure(EXIT.failed, 'no control plane to ask')
    const answer = await client.ask(control, { method: 'POST', path, body, timeoutMs: SEARCH_TIMEOUT_MS })
    if ('unreachable' in answer) throw new CommandFailure(EXIT.failed, answer.unreachable)
    if (answer.status !== 200) throw new CommandFailure(EXIT.failed, ...refusalLines(answer))
    return answer.body
  }
  return {
    async page(query, { limit, after, newestFirst, detail: isDetailed }) {
      const body = (await ask('/api/v1/audit/search', {
        ...{ ...query, limit },
        ...(after === undefined ? {} : { after }),
        ...(newestFirst === undefined ? {} : { newestFirst }),
        ...(isDetailed === undefined ? {} : { detail: isDetailed }),
      })) as RemotePage
      const { records, ...page } = body
      if (!Array.isArray(records))
        throw new CommandFailure(EXIT.failed, `${control} answered with something else than records`)
      return {
        ...page,
        hits: (records as RemotePage['records']).map(({ index, record, detail }) => ({
          ...{ index, entry: JSON.stringify(record) },
          ...(detail === undefined ? {} : { detail }),
        })),
      }
    },
    whose: async (query, limit) =>
      (await ask('/api/v1/audit/whose', { ...query, limit })) as WhoseAnswer & { readonly size: number },
    close: async () => undefined,
  }
}

interface RemotePage extends Omit<FoundPage, 'hits'> {
  readonly records: readonly { readonly index: number; readonly record: unknown; readonly detail?: OpenedDetail }[]
}
