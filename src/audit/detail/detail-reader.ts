// Recorded detail, opened again where its keys are still there.
import { type Files, nodeFiles } from '../files.ts'
import { openBox } from './detail-box.ts'
import { DAY_MS, dayOf, readDay } from './key-slots.ts'

/** `erased`: a key of it is gone. `lost`: it was never kept. `unreadable`: its keys are here, and do not open it. */
export type OpenedDetail = Readonly<Record<string, unknown>> | 'erased' | 'lost' | 'unreadable'

export interface DetailReader {
  /** Undefined where the record has none. */
  open(record: unknown): Promise<OpenedDetail | undefined>
}

interface Sealed {
  readonly id: string
  readonly time: number
  readonly keys: readonly string[]
  readonly box: string | undefined
}

/** Days whose keys are held at one time: a search goes through them in order. */
const DAYS_MAX = 4

/** For one search: keys that are erased while it lives may be remembered. Throws an Error where the directory is not there. */
export async function createDetailReader(dir: string, files: Files = nodeFiles): Promise<DetailReader> {
  if ((await files.identity(dir)) === undefined) throw new Error(`${dir}: there is no such directory of keys`)
  const days = new Map<string, ReadonlyMap<string, Buffer | undefined>>()
  const keysOf = async (day: string): Promise<ReadonlyMap<string, Buffer | undefined>> => {
    let keys = days.get(day)
    if (keys === undefined) {
      keys = new Map((await readDay(files, dir, day)).map(({ id, key }) => [id, key]))
      if (days.size >= DAYS_MAX) days.clear()
      days.set(day, keys)
    }
    return keys
  }
  return {
    async open(record) {
      const sealed = sealedOf(record)
      if (sealed === undefined) return undefined
      if (sealed.box === undefined) return 'lost'
      const today = await keysOf(dayOf(sealed.time))
      // An exchange that was told of twice, before and after midnight, has the keys of the day before.
      const before = sealed.keys.every((id) => today.has(id)) ? today : await keysOf(dayOf(sealed.time - DAY_MS))
      const keys = sealed.keys.map((id) => today.get(id) ?? before.get(id))
      if (keys.some((key) => key === undefined)) return 'erased'
      const text = openBox(keys as readonly Buffer[], sealed.box, sealed.id)
      return text === undefined ? 'unreadable' : (JSON.parse(text) as Readonly<Record<string, unknown>>)
    },
  }
}

function sealedOf(record: unknown): Sealed | undefined {
  if (typeof record !== 'object' || record === null || !('detail' in record)) return undefined
  const { detail, id, time } = record as Readonly<Record<string, unknown>>
  if (typeof detail !== 'object' || detail === null || typeof id !== 'string' || typeof time !== 'number')
    return undefined
  const { keys, box } = detail as Readonly<Record<string, unknown>>
  return {
    ...{ id, time },
    keys: Array.isArray(keys) ? keys.map(String) : [],
    box: typeof box === 'string' ? box : undefined,
  }
}
