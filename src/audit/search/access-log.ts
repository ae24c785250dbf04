// Who has searched a copy of the trail, beside it: no gateway runs there that could put it into a trail. Each line names the hash of
// the one before, so that a line that was taken out or changed is seen; the last ones can be cut off, which only a copy kept
// elsewhere shows.
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { codeOf } from '../files.ts'
import { sha256 } from '../merkle.ts'
import { hexOf } from '../seal-state.ts'

export interface Access {
  /** Epoch milliseconds. */
  readonly time: number
  /** Account of the machine. */
  readonly by: string
  readonly action: 'search' | 'whose' | 'export'
  readonly state: 'begun' | 'ended'
  /** What was asked; people by pseudonym alone. */
  readonly query: object
  readonly results?: number
}

/** Its place where none was given: nothing else may lie in the trail's directory. */
export function accessLogOf(dir: string): string {
  return `${dir.replace(/\/+$/, '')}.access.ndjson`
}

const NOTHING = '0'.repeat(64)

/** Adds a line, on disk when it returns. Throws an Error of one line where that fails: then nothing may be shown. */
export function recordAccess(file: string, access: Access): void {
  const before = lastLine(file)
  const line = JSON.stringify({ ...access, prev: before === undefined ? NOTHING : hashOfLine(before) })
  const descriptor = openSync(file, 'a', 0o600)
  try {
    writeSync(descriptor, `${line}\n`)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return ''
    throw error
  }
}

function lastLine(file: string): string | undefined {
  return read(file).trimEnd().split('\n').at(-1) || undefined
}

function hashOfLine(line: string): string {
  return hexOf(sha256(Buffer.from(line)))
}

/** Numbers, from 1, of the lines that do not follow the line before them. */
export function brokenLines(file: string): readonly number[] {
  const lines = read(file).split('\n').slice(0, -1)
  return lines.flatMap((line, i) => {
    const before = lines[i - 1]
    const expected = before === undefined ? NOTHING : hashOfLine(before)
    return line.endsWith(`,"prev":"${expected}"}`) ? [] : [i + 1]
  })
}
