// A trail read offline: its index where there is one, and a line in the log beside it before anything is shown.
import { existsSync, mkdirSync } from 'node:fs'
import { createDetailReader, type DetailReader } from '../../audit/detail/detail-reader.ts'
import { readHead } from '../../audit/reader.ts'
import { accessLogOf, recordAccess } from '../../audit/search/access-log.ts'
import { createSearcher } from '../../audit/search/searcher.ts'
import { listWithoutPeople } from '../../core/pii.ts'
import type { TrailIndex } from '../../ports/trail-index.ts'
import type { Context } from '../command.ts'
import { CommandFailure, EXIT, usageFailure } from '../failure.ts'
import { reasonOf } from '../signing-key.ts'
import { indexDirOf, type AccessFlags, type FoundEntry, type TrailAccess, type TrailAction } from './trails.ts'
import { checkDir } from './where.ts'

/** Names each gateway once: a second copy of its trail would count everything twice. */
export async function refuseSameTrail(dirs: readonly string[]): Promise<void> {
  const names = new Map<string, string>()
  for (const dir of dirs) {
    const head = await readHead(checkDir(dir)).catch(() => undefined)
    const other = head === undefined ? undefined : names.get(head.gateway)
    if (head !== undefined && other !== undefined)
      throw usageFailure(`${other} and ${dir} are both the trail of ${head.gateway}: name each trail once`)
    if (head !== undefined) names.set(head.gateway, dir)
  }
}

/** Records the use before it resolves. Throws CommandFailure where it cannot be recorded. */
export async function openOffline(
  dir: string,
  flags: AccessFlags,
  action: TrailAction,
  query: object,
  { machine, printer }: Context,
): Promise<TrailAccess> {
  checkDir(dir)
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
  const failed = (error: unknown): never => {
    throw new CommandFailure(
      EXIT.failed,
      `${dir}: the trail cannot be read: ${reasonOf(error)}; see portcullis audit verify`,
    )
  }
  return {
    name: dir,
    async page(asked, request) {
      const { hits, ...page } = await searcher.page(asked, request).catch(failed)
      printer.progress('')
      const found: FoundEntry[] = []
      for (const { index: at, entry, record } of hits) {
        const detail = await details?.open(record)
        found.push({ index: at, entry: entry.toString(), ...(detail === undefined ? {} : { detail }) })
      }
      return { ...page, hits: found }
    },
    async whose(asked, limit) {
      const answer = await searcher.whose(asked, limit).catch(failed)
      printer.progress('')
      return answer
    },
    people: async (asked) => orFailed(searcher.people(asked), failed),
    async close(results) {
      await searcher.close()
      index?.close()
      note('ended', results)
    },
  }
}

async function* orFailed<T>(found: AsyncIterable<T>, failed: (error: unknown) => never): AsyncGenerator<T> {
  try {
    yield* found
  } catch (error) {
    failed(error)
  }
}

/** What somebody has put into the wrong place is not written down. */
function plainQuery(query: object): object {
  const entries = Object.entries(query).map(([name, value]: [string, unknown]) => [name, listWithoutPeople(value)])
  return Object.fromEntries(entries) as object
}

async function openKeys(dir: string, { keys }: AccessFlags): Promise<DetailReader> {
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
