// Where a verification stood, in a file: a long one that was stopped goes on, and the next one reads only what is new.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { codeOf } from './files.ts'
import { sha256 } from './merkle.ts'
import { hexOf } from './seal-state.ts'
import type { VerifyPosition } from './verify.ts'

export interface Resume {
  /** Absent where the file is new. */
  readonly position: VerifyPosition | undefined
  /** For `onPosition`: writes now and then. */
  readonly keep: (position: VerifyPosition) => void
  /** Writes the last position. */
  readonly finish: () => void
}

/** A position costs a write of some kilobytes. */
const ENTRIES_A_WRITE = 1 << 18

/** Throws an Error of one line where the file is there and no such file, or cannot be read. */
export function openResumeFile(file: string): Resume {
  let last: VerifyPosition | undefined
  let written = 0
  const write = (): void => {
    if (last === undefined) return
    const edge = last.edge.map((hashes) => hashes.map(hexOf))
    const json = JSON.stringify({ ...last, edge })
    writeFileSync(`${file}.tmp`, `${json}\n${hexOf(sha256(Buffer.from(json)))}\n`, { mode: 0o600 })
    renameSync(`${file}.tmp`, file)
    written = last.size
  }
  return {
    position: readPosition(file),
    keep(position) {
      last = { ...position, edge: position.edge.map((hashes) => [...hashes]) }
      if (last.size - written >= ENTRIES_A_WRITE) write()
    },
    finish: write,
  }
}

function readPosition(file: string): VerifyPosition | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  const [json = '', sum] = text.split('\n')
  // The checksum vouches for the shape, not against somebody who wants to be believed: it is the reader's own file.
  if (sum !== hexOf(sha256(Buffer.from(json)))) throw new Error('this is no such file, or it is damaged: remove it')
  const position = JSON.parse(json) as Omit<VerifyPosition, 'edge'> & { readonly edge: readonly (readonly string[])[] }
  return {
    ...position,
    edge: position.edge.map((hashes) => hashes.map((hash) => Buffer.from(hash, 'hex').toString('latin1'))),
  }
}
