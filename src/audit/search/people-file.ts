// Lines of people in a file: what a gateway sends is whole before the first of it is sent, and what comes is whole before it is merged.
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { formatPeopleLine, parsePeopleLine } from '../../core/people-text.ts'
import type { PeopleLine } from '../../core/people-lines.ts'
import type { MergedPeople, NamedPeople, PeopleFile } from '../../ports/trail-search.ts'
import { openByteLines } from '../byte-lines.ts'
import { mergePeople, SourceFault } from './merge-people.ts'

let made = 0

/** A path for one of this process, which whoever opens the index next removes where the process has not. */
export function peoplePath(dir: string): string {
  made += 1
  return join(dir, `people-${process.pid}-${made}.lines`)
}

const CHUNK = 1 << 18

/** For its owner alone. What was written stays where this rejects. */
export async function writePeople(
  path: string,
  lines: AsyncIterable<PeopleLine>,
  onLine: (count: number) => void = () => undefined,
): Promise<PeopleFile> {
  const hash = createHash('sha256')
  const file = await open(path, 'w', 0o600)
  let bytes = 0
  let count = 0
  let subjects = 0
  let pending = ''
  const flush = async (): Promise<void> => {
    const chunk = Buffer.from(pending)
    pending = ''
    hash.update(chunk)
    bytes += chunk.length
    await file.writeFile(chunk)
  }
  try {
    for await (const line of lines) {
      if ('trail' in line) subjects = line.trail.subjects
      pending += formatPeopleLine(line)
      count += 1
      if (pending.length < CHUNK) continue
      await flush()
      onLine(count)
    }
    await flush()
  } finally {
    await file.close()
  }
  return { path, bytes, sha256: hash.digest('base64url'), subjects }
}

/** Other work of the thread gets its turn after so many. */
const LINES_A_TURN = 4096

/** Throws a SourceFault of that name for the first line that is none. */
export async function* readPeople(path: string, source = path): AsyncGenerator<PeopleLine> {
  const lines = openByteLines(path)
  try {
    for (let count = 1; ; count += 1) {
      const text = lines.next()
      if (text === undefined) return
      const line = parsePeopleLine(text.toString())
      if (line === undefined) throw new SourceFault(source, `line ${count} of the list of people is none`)
      yield line
      if (count % LINES_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    lines.close()
  }
}

/** Merges the files that are whole; the others are named, with what is wrong with them. */
export async function mergePeopleFiles(files: readonly NamedPeople[], limit: number): Promise<MergedPeople> {
  const faulty: { name: string; why: string }[] = []
  for (;;) {
    const good = files.filter(({ name }) => !faulty.some((each) => each.name === name))
    try {
      const sources = good.map((each) => ({ name: each.name, lines: linesOf(each) }))
      return { ...(await mergePeople(sources, limit)), faulty }
    } catch (error) {
      if (!(error instanceof SourceFault) || !good.some(({ name }) => name === error.source)) throw error
      faulty.push({ name: error.source, why: error.message })
    }
  }
}

async function* linesOf({ name, path, gateway }: NamedPeople): AsyncGenerator<PeopleLine> {
  for await (const line of readPeople(path, name)) {
    if (gateway !== undefined && 'trail' in line && line.trail.gateway !== gateway)
      throw new SourceFault(name, `it is the trail of ${line.trail.gateway}, and ${gateway} was asked`)
    yield line
  }
}
