// Orders without a network: a file named FREEZE in the store directory, and signed orders put into its folder `orders`.
import { lstat, mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../ports/logger.ts'
import type { OrderDesk } from './order-desk.ts'
import { readBounded } from './read-bounded.ts'
import { recordableProblems } from './refusals.ts'

const ORDER_BYTES_MAX = 65_536
/** Files taken in one look; the rest come with the next. */
const FILES_MAX = 100

export interface StoreWatch {
  /** One look. Rejects only where the folder cannot be read. */
  look(): Promise<void>
}

export interface StoreWatchDeps {
  /** `store.dir` */
  readonly dir: string
  readonly desk: Pick<OrderDesk, 'submit' | 'freezeByFile'>
  readonly logger: Logger
}

/**
 * FREEZE counts by its name alone: a regular file, a link to nowhere or a folder freezes. An order is read once it has stood
 * unchanged for two looks, so that one that is still being copied is not refused for its missing half; then it is renamed.
 */
export function createStoreWatch(deps: StoreWatchDeps): StoreWatch {
  const folder = join(deps.dir, 'orders')
  let seen = new Map<string, string>()
  let isFrozenBefore = false
  return {
    async look() {
      const isFrozen = await isThere(join(deps.dir, 'FREEZE'))
      if (isFrozen) await deps.desk.freezeByFile()
      else if (isFrozenBefore) deps.logger.warn('the file FREEZE is gone: its lock stays until two people release it')
      isFrozenBefore = isFrozen
      const next = new Map<string, string>()
      for (const name of await orderFiles(folder)) {
        const stamp = await takeOrder(deps, folder, name, seen.get(name))
        if (stamp !== undefined) next.set(name, stamp)
      }
      seen = next
    },
  }
}

/** Anything by that name; what cannot be told is there, since a freeze must not fail open. */
async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    return !(typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT')
  }
}

async function orderFiles(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return readdir(folder)
  })
  return names
    .filter((name) => name.endsWith('.jws'))
    .sort()
    .slice(0, FILES_MAX)
}

/** Returns the stamp to be remembered where the file stays for the next look. */
async function takeOrder(
  deps: StoreWatchDeps,
  folder: string,
  name: string,
  stampBefore: string | undefined,
): Promise<string | undefined> {
  const { desk, logger } = deps
  const path = join(folder, name)
  const read = await readBounded(path, { bytesMax: ORDER_BYTES_MAX, isLinkRefused: true })
  if ('unread' in read) {
    if (read.unread === 'absent') return undefined
    if (stampBefore?.startsWith(TAKEN)) return stampBefore
    return settle(deps, path, 'refused', { problems: [read.detail] })
  }
  if (stampBefore === TAKEN + read.stamp) return stampBefore
  if (stampBefore !== read.stamp) return read.stamp
  const result = await desk.submit(read.bytes.toString('utf8').trim(), 'file')
  switch (result.outcome) {
    case 'accepted':
      return settle(deps, path, 'accepted', { id: result.id, epoch: result.epoch }, read.stamp)
    case 'pending':
      return settle(
        deps,
        path,
        'accepted',
        { id: result.id, approvals: result.approvals, required: result.required },
        read.stamp,
      )
    case 'refused':
      if (result.first !== undefined) return settle(deps, path, 'accepted', result.first, read.stamp)
      return settle(deps, path, 'refused', { problems: recordableProblems(result.problems) }, read.stamp)
    case 'unavailable':
      logger.error('an order by file could not be kept, and is tried again', { file: name, problems: result.problems })
      return read.stamp
  }
}

/** A file that could not be renamed was taken all the same, and is not taken again. */
const TAKEN = 'taken '

async function settle(
  { logger }: StoreWatchDeps,
  path: string,
  ending: 'accepted' | 'refused',
  fields: Readonly<Record<string, unknown>>,
  stamp = '',
): Promise<string | undefined> {
  const line = { ...fields, file: path }
  if (ending === 'accepted') logger.info('an order by file was accepted', line)
  else logger.warn('an order by file was refused', line)
  try {
    await rename(path, `${path}.${ending}`)
    return undefined
  } catch (error) {
    logger.error('an order by file could not be renamed', {
      file: path,
      error: error instanceof Error ? error.message : String(error),
    })
    return TAKEN + stamp
  }
}
