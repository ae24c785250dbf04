// Records of several trails, a fleet's, as one stream in the order of their times.
import type { FoundRecord } from './trails.ts'

interface Source {
  readonly found: AsyncIterator<FoundRecord>
  head: FoundRecord | undefined
  time: number
}

/** Each of the streams is in the order of its own log. Of equal times the first stream's comes first, newest first last. */
export async function* mergeByTime(
  streams: readonly AsyncIterable<FoundRecord>[],
  newestFirst: boolean,
): AsyncGenerator<FoundRecord> {
  const sources: Source[] = streams.map((each) => ({ found: each[Symbol.asyncIterator](), head: undefined, time: 0 }))
  for (const source of sources) await advance(source)
  for (;;) {
    let next: Source | undefined
    for (const source of sources) {
      if (source.head === undefined) continue
      const isNext = next === undefined || (newestFirst ? source.time >= next.time : source.time < next.time)
      if (isNext) next = source
    }
    if (next?.head === undefined) return
    yield next.head
    await advance(next)
  }
}

async function advance(source: Source): Promise<void> {
  const next = await source.found.next()
  source.head = next.done === true ? undefined : next.value
  if (source.head === undefined) return
  const record = JSON.parse(source.head.entry) as Readonly<Record<string, unknown>>
  if (typeof record.time === 'number') source.time = record.time
}
